import nibabel
import numpy as np
import pytest

from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.features.saved_maps import save_maps
from segqc_conformal.measures.schema import FeatureSchema
from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator

AFFINE = np.array(
    [[0.0, -1.5, 0.0, 7.0], [1.0, 0.0, 0.0, -3.0], [0.0, 0.0, 4.0, 2.0], [0, 0, 0, 1]]
)
STRUCTURES = {"near": 1, "far": 2}


def accumulated(shape=(4, 5, 6), spacing=(1.0, 1.5, 4.0), **options) -> UncertaintyAccumulator:
    uncertainty = UncertaintyAccumulator(STRUCTURES, spacing, **options)
    rng = np.random.default_rng(0)
    for _ in range(3):
        logits = rng.normal(size=(3, *shape))
        uncertainty.update(np.exp(logits) / np.exp(logits).sum(axis=0))
    return uncertainty


def test_each_map_lies_on_the_images_grid_with_its_affine_and_values(tmp_path):
    uncertainty = accumulated(schema=FeatureSchema("full"))
    written = save_maps(uncertainty, tmp_path / "new" / "c17", AFFINE)
    maps = uncertainty.maps()
    assert {path.name for path in written} >= {"mask.nii.gz", "epkl.nii.gz", "variance.nii.gz"}
    for path in written:
        image = nibabel.load(path)
        np.testing.assert_array_equal(image.affine, AFFINE)
        assert image.shape == (4, 5, 6)
        assert image.header.get_xyzt_units()[0] == "mm"
    entropy = nibabel.load(tmp_path / "new" / "c17" / "predictive_entropy.nii.gz")
    np.testing.assert_array_equal(entropy.get_fdata(), maps["predictive_entropy"])
    assert entropy.header["cal_max"] == maps["predictive_entropy"].max()
    assert entropy.get_data_dtype() == np.float32


def test_stacks_become_one_file_for_each_structure(tmp_path):
    uncertainty = accumulated()
    written = save_maps(uncertainty, tmp_path, names=["mean_probability"])
    assert [path.name for path in written][1:] == [
        "mean_probability_near.nii.gz",
        "mean_probability_far.nii.gz",
    ]
    far = nibabel.load(tmp_path / "mean_probability_far.nii.gz")
    np.testing.assert_array_equal(far.get_fdata(), uncertainty.maps()["mean_probability"][2])
    assert far.header.get_zooms() == (1.0, 1.5, 4.0)


def test_overlapping_regions_are_named_by_their_label(tmp_path):
    uncertainty = UncertaintyAccumulator(
        {"core": 2, "whole": 1}, (1.0, 1.0, 1.0), channels="overlapping"
    )
    regions = np.random.default_rng(0).random((2, 3, 4, 5))
    uncertainty.update(regions)
    save_maps(uncertainty, tmp_path, names=["mean_probability"])
    for name, region in (("whole", 0), ("core", 1)):
        saved = nibabel.load(tmp_path / f"mean_probability_{name}.nii.gz").get_fdata()
        np.testing.assert_allclose(saved, regions[region], atol=1e-7)
        mask = nibabel.load(tmp_path / f"mask_{name}.nii.gz").get_fdata()
        np.testing.assert_array_equal(mask, regions[region] > 0.5)


def test_a_judged_mask_is_saved_in_place_of_the_fused_one(tmp_path):
    mask = np.zeros((4, 5, 6), np.int64)
    mask[1:3] = 2
    save_maps(accumulated(), tmp_path, AFFINE, mask, names=[])
    np.testing.assert_array_equal(nibabel.load(tmp_path / "mask.nii.gz").get_fdata(), mask)


def test_a_flat_image_gets_one_slice(tmp_path):
    uncertainty = accumulated(shape=(4, 5), spacing=(1.0, 2.0))
    path = save_maps(uncertainty, tmp_path, names=["predictive_entropy"])[1]
    assert nibabel.load(path).shape == (4, 5, 1)
    np.testing.assert_array_equal(nibabel.load(path).affine, np.diag([1.0, 2.0, 1.0, 1.0]))


def test_grids_no_viewer_opens_and_maps_that_are_not_held_are_refused(tmp_path):
    line = UncertaintyAccumulator({"a": 1}, (1.0,))
    line.update(np.full((1, 4), 0.25))
    with pytest.raises(GeometryError, match="a grid of 2 or 3 axes; received 1 axes"):
        save_maps(line, tmp_path)
    with pytest.raises(InputError, match="epkl"):
        save_maps(accumulated(), tmp_path, names=["epkl"])


def test_masks_and_affines_of_another_shape_are_refused(tmp_path):
    with pytest.raises(
        GeometryError, match=r"the fused mask's shape \(4, 5, 6\); received \(4, 5, 7\)"
    ):
        save_maps(accumulated(), tmp_path, AFFINE, np.zeros((4, 5, 7), int))
    with pytest.raises(GeometryError, match=r"an affine of shape \(4, 4\); received \(3, 3\)"):
        save_maps(accumulated(), tmp_path, np.eye(3))
