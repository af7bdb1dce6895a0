from typing import Any

import numpy as np
import pytest
from blobs import labelled

from segqc_conformal.dice import dice
from segqc_conformal.errors import InputError
from segqc_conformal.reverse import VoxelForest
from segqc_conformal.reverse.voxel_features import voxel_features

FOREST = VoxelForest(trees=10)


@pytest.mark.parametrize("shape", [(24, 20), (16, 14, 12)])
def test_a_like_image_is_segmented_like_the_case(shape: tuple[int, ...]) -> None:
    case, reference = labelled(shape), labelled(shape, lambda places: places + 0.4)
    (said,) = FOREST.label_maps(case, [reference])
    assert dice(said == 1, reference.labels == 1) > 0.8


def test_the_same_seed_gives_the_same_labels_and_names_are_kept() -> None:
    case = labelled((24, 20))
    case = case._replace(labels=9 * case.labels)
    one, other = (FOREST.label_maps(case, [case])[0] for _ in range(2))
    assert one.tolist() == other.tolist()
    assert set(np.unique(one)) == {0, 9, 18}


def test_gain_and_offset_change_nothing_and_spacing_counts() -> None:
    one = labelled((24, 20))
    louder = one._replace(image=(3.0 * one.image + 5.0).astype(np.float32))
    np.testing.assert_allclose(
        voxel_features(one, (1.0, 2.0)), voxel_features(louder, (1.0, 2.0)), atol=1e-4
    )
    wider = one._replace(spacing=(2.0, 2.0))
    np.testing.assert_array_equal(voxel_features(one, (1.0,)), voxel_features(wider, (2.0,)))


def test_a_mask_of_one_label_everywhere_stays_so() -> None:
    case = labelled((6, 5))
    (said,) = FOREST.label_maps(case._replace(labels=np.full((6, 5), 4)), [case])
    assert np.unique(said).tolist() == [4]


@pytest.mark.parametrize("wrong", [{"trees": 0}, {"scales_mm": (0.0,)}, {"smallest_leaf": 0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="trees"):
        VoxelForest(**wrong)
