import nibabel
import numpy as np
import pandas as pd
import pytest

import segqc_conformal as sq
from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.errors import FileFormatError
from segqc_conformal.reports.case_looks import CaseFolders, look_at_cases

AFFINE = np.array([[0, -2.0, 0, 10], [1.0, 0, 0, -5], [0, 0, 3.0, 7], [0, 0, 0, 1]])
LABELS = {"lesion": 1}


@pytest.fixture
def folders(tmp_path):
    """Save two cases whose slice 4 is doubted inside and outside the mask; a third lacks maps."""
    image = np.random.default_rng(0).normal(size=(16, 16, 9)).astype(np.float32)
    uncertainty = sq.UncertaintyAccumulator(LABELS, (1.0, 2.0, 3.0))
    p = np.zeros((16, 16, 9))
    p[2:12, 2:12, 2:7] = 0.97
    p[5:9, 5:9, 4] = 0.55
    p[14:, 12:, 4:6] = 0.4
    uncertainty.update(p[None])
    (tmp_path / "images").mkdir()
    for case in ("c1", "c2", "c3"):
        write_volume(tmp_path / f"images/{case}.nii.gz", image, AFFINE)
    for case in ("c1", "c2", "c4"):
        sq.save_maps(uncertainty, tmp_path / "maps" / case, AFFINE)
    return tmp_path


def test_the_worst_slice_is_shown_and_the_regions_are_saved_on_the_images_grid(folders, capsys):
    found = look_at_cases(
        ["c2", "c3", "c4", "c1"],
        CaseFolders(folders / "images", folders / "maps", LABELS),
        folders / "regions",
    )
    assert list(found) == ["c2", "c3", "c4", "c1"]
    assert "case c3" in found["c3"].missing
    assert "case c4: expected an image" in found["c4"].missing
    assert "4/4" in capsys.readouterr().err
    look = found["c1"]
    assert look.slices[0] == 4
    assert (look.axis, look.slice_count, len(look.regions)) == (2, 9, 2)
    assert (look.picture.regions > 0).sum() == 16 + 8
    assert look.picture.largest_uncertainty == pytest.approx(0.45)
    assert sorted(path.name for path in (folders / "regions").iterdir()) == [
        "c1.nii.gz",
        "c2.nii.gz",
        "regions.csv",
    ]
    saved = nibabel.load(folders / "regions/c1.nii.gz")
    np.testing.assert_allclose(saved.affine, AFFINE)
    labels = np.asarray(saved.dataobj)
    assert (labels == 1).sum() == 16
    assert (labels == 2).sum() == 16
    assert labels[6, 6, 4] == 1
    rows = pd.read_csv(folders / "regions/regions.csv")
    assert rows["case_id"].tolist() == ["c2", "c2", "c1", "c1"]
    assert rows["place"].tolist() == [1, 2, 1, 2]
    centre = AFFINE @ [6.5, 6.5, 4.0, 1.0]
    assert rows[["x_mm", "y_mm", "z_mm"]].iloc[0].to_numpy() == pytest.approx(centre[:3])


def test_the_deployed_mask_is_judged_where_it_is_given(folders):
    masks = folders / "masks"
    masks.mkdir()
    mask = np.zeros((16, 16, 9), np.int32)
    mask[2:12, 2:12, 2:8] = 1  # goes on in slice 7, where no sample sees anything
    write_volume(masks / "c1.nii.gz", mask, AFFINE)
    read = CaseFolders(folders / "images", folders / "maps", LABELS, masks)
    found = look_at_cases(["c1", "c2"], read, progress=False)
    assert found["c1"].slices[0] == 7
    assert "case c2: expected a mask" in found["c2"].missing


def test_an_error_that_names_no_case_is_given_its_name(folders):
    (folders / "maps/c1/mean_probability_other.nii.gz").write_bytes(
        (folders / "maps/c1/mean_probability_lesion.nii.gz").read_bytes()
    )
    masks = folders / "masks"
    masks.mkdir()
    write_volume(masks / "c1.nii.gz", np.zeros((16, 16, 9, 2), np.int32), AFFINE)
    read = CaseFolders(folders / "images", folders / "maps", {"lesion": 1, "other": 3}, masks)
    (look,) = look_at_cases(["c1"], read, progress=False).values()
    assert look.missing.startswith("case c1: expected a stack of at least 3 regions")


def test_a_flat_image_has_regions_and_no_slices(tmp_path):
    uncertainty = sq.UncertaintyAccumulator(LABELS, (1.0, 1.0))
    p = np.full((1, 12, 12), 0.02)
    p[0, 2:8, 2:8] = 0.4
    uncertainty.update(p)
    (tmp_path / "images").mkdir()
    write_volume(tmp_path / "images/c.nii.gz", np.eye(12, dtype=np.float32), np.eye(4))
    sq.save_maps(uncertainty, tmp_path / "maps/c")
    read = CaseFolders(tmp_path / "images", tmp_path / "maps", LABELS)
    look = look_at_cases(["c"], read, tmp_path / "regions", progress=False)["c"]
    assert look.words == "1 region"
    assert look.title == "The whole image."
    assert nibabel.load(tmp_path / "regions/c.nii.gz").shape == (12, 12, 1)


def test_nothing_that_could_be_read_leaves_an_empty_table(folders):
    read = CaseFolders(folders / "images", folders / "maps", LABELS)
    look_at_cases(["c9"], read, folders / "regions", progress=False)
    assert pd.read_csv(folders / "regions/regions.csv").empty


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(FileFormatError):
        CaseFolders(tmp_path, tmp_path / "maps", LABELS)
