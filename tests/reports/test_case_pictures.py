import numpy as np
import pytest

from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.errors import FileFormatError, GeometryError
from segqc_conformal.reports.case_pictures import CasePictures


@pytest.fixture
def folders(tmp_path):
    image = np.random.default_rng(0).normal(size=(6, 7, 8)).astype(np.float32)
    mask = np.zeros((6, 7, 8), np.int32)
    mask[2:4, 3:6, 5] = 2
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for case in ("c1", "c2", "c3"):
        write_volume(tmp_path / f"images/{case}.nii.gz", image, np.eye(4))
    write_volume(tmp_path / "masks/c1.nii.gz", mask, np.eye(4))
    write_volume(tmp_path / "masks/c2.nii.gz", mask[:, :, 1:], np.eye(4))
    (tmp_path / "images/c4.nii.gz").write_bytes(b"no image")
    return tmp_path / "images", tmp_path / "masks"


def test_the_slice_with_most_mask_is_outlined(folders):
    shown = CasePictures(*folders).of("c1")
    assert (shown.mask == 2).sum() == 6
    assert shown.caption == "Left: image. Right: judged mask in yellow."


def test_a_case_without_mask_shows_its_middle_slice_alone(folders):
    for pictures in (CasePictures(*folders), CasePictures(folders[0])):
        shown = pictures.of("c3")
        assert shown.mask is None
        assert shown.caption == "Image, no mask."
        assert shown.image.shape == (7, 6)
        assert shown.png().startswith(b"\x89PNG")


def test_overlapping_regions_are_outlined_together(folders):
    regions = np.zeros((6, 7, 8, 2), np.int32)
    regions[1, 1, 4, 0] = regions[2, 2, 4, 1] = 1
    write_volume(folders[1] / "c3.nii.gz", regions, np.eye(4))
    assert CasePictures(*folders).of("c3").mask.sum() == 2


def test_no_image_gives_no_picture_and_bad_files_are_named(folders):
    pictures = CasePictures(*folders)
    assert pictures.of("c9") is None
    with pytest.raises(GeometryError, match="c2"):
        pictures.of("c2")
    with pytest.raises(FileFormatError, match="c4"):
        pictures.of("c4")
    with pytest.raises(FileFormatError):
        CasePictures(folders[0] / "missing")
