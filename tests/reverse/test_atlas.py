from typing import Any

import numpy as np
import pytest
import torch
from blobs import labelled, voxel_places

from segqc_conformal.dice import dice
from segqc_conformal.errors import InputError
from segqc_conformal.reverse import AtlasRegistration, LabelledImage
from segqc_conformal.reverse.level import own_axes

CPU = torch.device("cpu")
SHAPES = [(48, 40), (28, 24, 26)]
TURN = np.array([[1.05, 0.12, 0.0], [-0.1, 0.95, 0.05], [0.04, 0.0, 1.0]])
SHIFT = np.array([2.0, -1.5, 1.0])


def affine(places: np.ndarray) -> np.ndarray:
    axes = places.shape[-1]
    return places @ TURN[:axes, :axes].T + SHIFT[:axes]


def smooth(places: np.ndarray) -> np.ndarray:
    return places + 2.0 * np.sin(places[..., ::-1] / 6.0)


def found_places(one: LabelledImage, reference: LabelledImage, **settings: Any) -> np.ndarray:
    """Return where the voxels of the reference are found in the case, mm."""
    found = AtlasRegistration(device="cpu", **settings).register(one, [reference])
    return found.places(own_axes(reference, CPU))[0].numpy()


def errors(found: np.ndarray, true: np.ndarray, reference: LabelledImage) -> np.ndarray:
    """Return how far places in the structures are from where they should be, mm."""
    return np.linalg.norm(found - true, axis=-1)[reference.labels > 0]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_known_affine_map_is_found(shape: tuple[int, ...]) -> None:
    case, reference = labelled(shape), labelled(shape, affine)
    true = affine(voxel_places(shape, reference.spacing))
    before = errors(voxel_places(shape, reference.spacing), true, reference)
    found = found_places(case, reference, free_form_steps=0, resolution_mm=1.0)
    assert before.mean() > 2.0
    assert errors(found, true, reference).mean() < 0.3


@pytest.mark.parametrize("shape", SHAPES)
def test_a_known_smooth_deformation_is_found_almost_without_folds(shape: tuple[int, ...]) -> None:
    case, reference = labelled(shape), labelled(shape, smooth)
    true = smooth(voxel_places(shape, reference.spacing))
    settings = {"resolution_mm": 1.0, "control_voxels": 5.0, "stiffness": 0.1}
    found = found_places(case, reference, **settings)
    without = found_places(case, reference, free_form_steps=0)
    assert errors(found, true, reference).mean() < 0.5
    assert errors(found, true, reference).mean() < 0.5 * errors(without, true, reference).mean()
    slopes = np.stack([np.stack(np.gradient(one), -1) for one in np.moveaxis(found, -1, 0)], -2)
    assert np.mean(np.linalg.det(slopes) <= 0.0) < 0.001


def test_the_mask_is_carried_to_each_reference_of_the_batch_with_labels_as_they_are() -> None:
    case = labelled((28, 24, 26))
    case = case._replace(labels=np.where(case.labels == 2, 7, case.labels))
    references = [labelled((28, 24, 26)), labelled((30, 30, 26), affine)]
    for carried, reference in zip(
        AtlasRegistration().label_maps(case, references), references, strict=True
    ):
        assert carried.shape == reference.labels.shape
        assert set(np.unique(carried)) == {0, 1, 7}
        assert dice(carried == 1, reference.labels == 1) > 0.9
        assert dice(carried == 7, reference.labels == 2) > 0.8


def test_spacing_counts_not_voxels() -> None:
    case, reference = labelled((28, 24, 26)), labelled((14, 24, 13), spacing=(2.0, 1.0, 2.0))
    (carried,) = AtlasRegistration().label_maps(case, [reference])
    assert dice(carried == 1, reference.labels == 1) > 0.9


def test_a_reference_is_segmented_alike_alone_and_in_a_batch_of_its_size() -> None:
    case = labelled((48, 40))
    references = [labelled((48, 40), affine), labelled((48, 40), smooth)]
    both = AtlasRegistration().label_maps(case, references)
    for one, reference in zip(both, references, strict=True):
        (alone,) = AtlasRegistration().label_maps(case, [reference])
        assert np.mean(alone != one) < 0.002


@pytest.mark.parametrize("shape", [(1, 8), (8, 1, 6)])
def test_a_single_slice_and_a_flat_image_are_no_error(shape: tuple[int, ...]) -> None:
    flat = LabelledImage(np.ones((1, *shape), np.float32), np.ones(shape, int), (1.0,) * len(shape))
    (carried,) = AtlasRegistration().label_maps(flat, [flat])
    assert carried.tolist() == flat.labels.tolist()


@pytest.mark.parametrize(
    "wrong", [{"stiffness": 0.0}, {"resolution_mm": -1.0}, {"free_form_steps": -1}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        AtlasRegistration(**wrong)


def test_cuda_finds_what_the_cpu_finds() -> None:
    if not torch.cuda.is_available():
        pytest.skip("CUDA: no such device on this machine")
    case, reference = labelled((28, 24, 26)), labelled((28, 24, 26), affine)
    maps = [
        AtlasRegistration(device=name).label_maps(case, [reference])[0] for name in ("cpu", "cuda")
    ]
    assert np.mean(maps[0] != maps[1]) < 0.002
