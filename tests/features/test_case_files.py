from datetime import UTC, datetime

import numpy as np
import pytest

from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.errors import FileFormatError, GeometryError
from segqc_conformal.features.case_files import CaseFiles

AFFINE = np.diag([1.0, 2.0, 3.0, 1.0])


def test_load_gives_the_case_with_masks_spacing_and_time(tmp_path):
    image = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    labels = np.random.default_rng(1).integers(0, 3, (4, 5, 6))
    for name, array in {"image": image, "mask": labels, "reference": labels.T.T}.items():
        write_volume(tmp_path / f"{name}.nii.gz", array, AFFINE)
    time = datetime(2026, 11, 23, tzinfo=UTC)
    files = CaseFiles(
        "0012",
        "p9",
        "A",
        tmp_path / "image.nii.gz",
        str(tmp_path / "mask.nii.gz"),
        tmp_path / "reference.nii.gz",
        time,
    )
    case = files.load()
    np.testing.assert_array_equal(case.image, image)
    np.testing.assert_array_equal(case.mask, labels)
    np.testing.assert_array_equal(case.reference, labels)
    assert (case.case_id, case.spacing_mm, case.time) == ("0012", (1.0, 2.0, 3.0), time)


def test_missing_image_names_the_case(tmp_path):
    with pytest.raises(FileFormatError, match="case c17: expected an existing NIfTI file"):
        CaseFiles("c17", "p9", "A", tmp_path / "none.nii.gz").load()


def test_mask_of_another_case_is_refused(tmp_path):
    write_volume(tmp_path / "image.nii", np.zeros((4, 5, 6), np.float32), AFFINE)
    write_volume(tmp_path / "mask.nii", np.zeros((4, 5, 7), np.uint8), AFFINE)
    with pytest.raises(GeometryError, match=r"case c17: .*\(4, 5, 6\); .*\(4, 5, 7\): 1 more"):
        CaseFiles("c17", "p9", "A", tmp_path / "image.nii", tmp_path / "mask.nii").load()
