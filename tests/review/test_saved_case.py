import numpy as np
import pytest

import segqc_conformal as sq
from segqc_conformal.errors import FileFormatError, GeometryError
from segqc_conformal.review import find_regions, slice_rows
from segqc_conformal.review.saved_case import read_judged_structures

LABELS = {"ball": 1, "bar": 2}


def test_saved_maps_give_the_rows_of_the_samples(uncertainty, tmp_path):
    sq.save_maps(uncertainty, tmp_path)
    saved = read_judged_structures(tmp_path, LABELS, case_id="c", maps=("b_map",))
    for ours, theirs in zip(uncertainty.judged_structures(), saved, strict=True):
        for score in ("expected_error_sum", "soft_dice_confidence", "b_map_sum", "largest_blob"):
            mine, read = (slice_rows(each, "c", score) for each in (ours, theirs))
            assert read["slice"].tolist() == mine["slice"].tolist()
            assert read["score"].to_numpy() == pytest.approx(mine["score"].to_numpy(), abs=1e-6)


def test_overlapping_regions_and_a_deployed_mask(tmp_path):
    uncertainty = sq.UncertaintyAccumulator(
        {"whole": 1, "core": 2}, (1.0, 1.0, 2.0), channels="overlapping"
    )
    p = np.zeros((2, 5, 5, 4))
    p[0, 1:4], p[1, 2] = 0.8, 0.9
    uncertainty.update(p)
    sq.save_maps(uncertainty, tmp_path)
    labels = {"whole": 1, "core": 2}
    sizes = [each.size for each in read_judged_structures(tmp_path, labels, case_id="c")]
    assert sizes == [60.0, 20.0]
    deployed = np.zeros((2, 5, 5, 4), int)
    deployed[1, 0] = 1
    own = read_judged_structures(tmp_path, labels, case_id="c", mask=deployed)
    assert [each.size for each in own] == [0.0, 20.0]


def test_a_flat_image_has_two_axes(tmp_path):
    uncertainty = sq.UncertaintyAccumulator({"a": 1}, (1.0, 1.0))
    p = np.full((1, 8, 9), 0.05)
    p[0, 2:6, 2:7] = 0.4
    uncertainty.update(p)
    sq.save_maps(uncertainty, tmp_path)
    (read,) = read_judged_structures(tmp_path, {"a": 1}, case_id="c", shape=(8, 9))
    assert find_regions([read], "c").labels.sum() == 20


def test_what_is_missing_or_of_another_image_names_the_case(uncertainty, tmp_path):
    sq.save_maps(uncertainty, tmp_path, names=["mean_probability"])
    with pytest.raises(GeometryError, match="case c17"):
        read_judged_structures(tmp_path, LABELS, case_id="c17", shape=(12, 14, 9))
    with pytest.raises(FileFormatError, match="case c17"):
        read_judged_structures(tmp_path, {"disc": 1}, case_id="c17")
    with pytest.raises(FileFormatError, match="case c17"):
        read_judged_structures(tmp_path, LABELS, case_id="c17", maps=("epkl",))
