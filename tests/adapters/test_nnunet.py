"""Files as nnU-Net v2 writes them.

The layout is that of `export_prediction_from_logits` and `predict_from_raw_data` of nnunetv2 2.8.1.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from segqc_conformal.adapters.nifti import read_volume, write_volume
from segqc_conformal.adapters.nnunet import NnunetFolder, find_folds, is_nnunet_folder
from segqc_conformal.cli.app import app
from segqc_conformal.errors import FileFormatError, GeometryError, InputError
from segqc_conformal.features.table import read_table
from segqc_conformal.sampling.stored_samples import StoredSamples

SHAPE = (7, 6, 5)
AFFINE = np.array([[-1.5, 0, 0, 10], [0, 2, 0, -4], [0, 0, 3, 7], [0, 0, 0, 1.0]])
LABELS = {"background": 0, "far": 2, "near": 1}
REGIONS = {"background": 0, "whole": [1, 2], "core": 2}
IMAGE = np.zeros((1, *SHAPE), np.float32)


def write_fold(folder: Path, seed: int, labels: dict = LABELS, **plans: str) -> Path:
    """Write the predictions of c1 and c2 by one fold."""
    folder.mkdir()
    written = {"labels": labels, "file_ending": ".nii.gz", "channel_names": {"0": "MR"}}
    if labels is REGIONS:
        written["regions_class_order"] = [1, 2]
    (folder / "dataset.json").write_text(json.dumps(written))
    (folder / "plans.json").write_text(json.dumps({"image_reader_writer": "SimpleITKIO", **plans}))
    for number in (1, 2):
        logits = np.random.default_rng([seed, number]).normal(size=(3, *SHAPE[::-1]))
        if labels is REGIONS:
            probabilities = 1 / (1 + np.exp(-logits[:2]))
            mask = np.where(probabilities[1] > 0.5, 2, probabilities[0] > 0.5)
        else:
            probabilities = np.exp(logits) / np.exp(logits).sum(axis=0)
            mask = probabilities.argmax(axis=0)
        np.savez_compressed(
            folder / f"c{number}.npz", probabilities=probabilities.astype(np.float32)
        )
        write_volume(folder / f"c{number}.nii.gz", mask.T.astype(np.uint8), AFFINE)
        (folder / f"c{number}.pkl").write_bytes(b"cos\nabort\n(tR.")  # ends the run if it is opened
    return folder


@pytest.fixture
def folds(tmp_path: Path) -> list[Path]:
    return [write_fold(tmp_path / f"fold_{seed}", seed) for seed in (0, 1)]


def extract(folds: list[Path], *more: object, structures: str = "near=1,far=2") -> Path:
    source, out = ",".join(map(str, folds)), folds[0].parent / "t.csv"
    words = ["extract", source, "--out", out, "--structures", structures, "--model-id", "m", *more]
    CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    return out


def test_one_file_is_one_sample_on_the_axes_of_the_nifti_file(folds):
    saved = np.load(folds[0] / "c1.npz")["probabilities"]
    (sample,) = StoredSamples({"c1": folds[0] / "c1.npz"}, model_id="m")(None, IMAGE, case_id="c1")
    assert sample.shape == (3, 7, 6, 5)
    assert sample[2, 6, 1, 4] == saved[2, 4, 1, 6]
    # nnU-Net's mask is the argmax of its probabilities, so this fails for any swapped axis
    mask = read_volume(folds[0] / "c1.nii.gz").array
    np.testing.assert_array_equal(sample.numpy().argmax(axis=0), mask)


def test_the_folds_are_the_samples_of_a_case(folds):
    table = read_table(extract(folds, "--schema", "full")).set_index(["case_id", "structure"])
    saved = [np.load(folder / "c2.npz")["probabilities"] for folder in folds]
    masks = [sample.argmax(axis=0) == 2 for sample in saved]
    agreed = 2 * (masks[0] & masks[1]).sum() / (masks[0].sum() + masks[1].sum())
    row = table.loc[("c2", "far")]
    assert row["feature_pairwise_dice"] == pytest.approx(agreed)
    fused = np.mean(saved, axis=0).argmax(axis=0) == 2
    assert row["feature_volume_ml"] == pytest.approx(0.009 * fused.sum())  # 1.5 x 2 x 3 mm
    assert table["failed"].isna().all()


def test_images_under_the_names_of_nnunet_are_found(folds, tmp_path):
    (tmp_path / "images").mkdir()
    image = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    write_volume(tmp_path / "images" / "c1_0000.nii.gz", image, AFFINE)
    table = read_table(extract(folds, "--images", tmp_path / "images", "--schema", "full"))
    means = table.set_index("case_id")["feature_image_mean"]
    assert (means["c1"] != 0).all()
    assert (means["c2"] == 0).all()


def test_images_on_another_grid_than_the_masks_of_nnunet_are_refused(folds, tmp_path):
    (tmp_path / "images").mkdir()
    for number, affine in ((1, AFFINE), (2, AFFINE + np.diag([0, 0, 0.5, 0]))):
        path = tmp_path / "images" / f"c{number}_0000.nii.gz"
        write_volume(path, np.zeros(SHAPE, np.float32), affine)
    table = read_table(extract(folds, "--images", tmp_path / "images"))
    failed = table.drop_duplicates("case_id").set_index("case_id")["failed"]
    assert failed.notna().tolist() == [False, True]
    assert "with the image's affine" in failed["c2"]


def test_regions_are_overlapping_and_count_in_the_order_of_dataset_json(tmp_path):
    folds = [write_fold(tmp_path / f"f{seed}", seed, REGIONS) for seed in (0, 1)]
    assert NnunetFolder(folds[0]).structures == {"whole": 1, "core": 2}
    assert NnunetFolder(folds[0]).channels == "overlapping"
    table = read_table(extract(folds, structures="whole=1,core=2")).set_index(
        ["case_id", "structure"]
    )
    saved = [np.load(folder / "c1.npz")["probabilities"] for folder in folds]
    core = np.mean(saved, axis=0)[1] > 0.5
    assert table.loc[("c1", "core"), "feature_volume_ml"] == pytest.approx(0.009 * core.sum())


def test_labels_are_those_of_dataset_json_without_background_and_ignore(tmp_path):
    folder = write_fold(tmp_path / "f", 0, {**LABELS, "ignore": 3})
    assert NnunetFolder(folder).structures == {"far": 2, "near": 1}
    assert NnunetFolder(folder).channels == "exclusive"


def test_a_label_off_by_one_is_refused_by_name(folds):
    with pytest.raises(InputError, match=r"near=1, as dataset\.json of fold_0 says; received near"):
        extract(folds, structures="near=2,far=1")


def test_folds_of_other_labels_and_channels_said_twice_are_refused(folds, tmp_path):
    other = write_fold(tmp_path / "other", 2, {"background": 0, "near": 1, "third": 2})
    with pytest.raises(InputError, match="folds of one dataset"):
        extract([folds[0], other])
    with pytest.raises(InputError, match=r"dataset\.json says what their channels mean"):
        extract(folds, "--channels", "overlapping")


def test_a_case_that_a_fold_lacks_fails_and_the_others_go_on(folds):
    (folds[1] / "c1.npz").unlink()
    table = read_table(extract(folds)).drop_duplicates("case_id").set_index("case_id")
    assert "an existing file of samples" in table.loc["c1", "failed"]
    assert table["failed"].notna().tolist() == [True, False]


@pytest.mark.parametrize("reader", ["NibabelIOWithReorient", "NaturalImage2DIO", None])
def test_images_that_were_turned_before_are_refused(tmp_path, reader):
    folder = write_fold(tmp_path / "f", 0, image_reader_writer=reader)
    with pytest.raises(InputError, match=f"received {reader} in f/plans.json"):
        NnunetFolder(folder).probabilities("c1")


def test_probabilities_on_another_grid_than_the_mask_are_refused(folds):
    write_volume(folds[0] / "c1.nii.gz", np.zeros((5, 6, 7), np.uint8), AFFINE)
    with pytest.raises(GeometryError, match=r"grid \(5, 6, 7\) of c1\.nii\.gz; received grid \(7,"):
        NnunetFolder(folds[0]).probabilities("c1")


def test_files_of_nnunet_without_its_json_files_are_not_guessed_at(folds):
    (folds[0] / "plans.json").unlink()
    assert not is_nnunet_folder(folds[0])
    assert find_folds(",".join(map(str, folds))) == ()
    sampler = StoredSamples({"c1": folds[0] / "c1.npz"}, model_id="m")
    with pytest.raises(GeometryError, match="saved samples of the image's shape"):
        list(sampler(None, IMAGE, case_id="c1"))


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_a_damaged_dataset_json_is_a_typed_error(folds, content):
    (folds[0] / "dataset.json").write_text(content)
    with pytest.raises(FileFormatError, match=r"dataset\.json of nnU-Net v2 in fold_0"):
        _ = NnunetFolder(folds[0]).structures


def test_an_npz_file_of_something_else_is_a_typed_error(folds):
    np.savez(folds[0] / "c1.npz", probabilities=np.zeros((3, 5, 6), np.float32))
    sampler = StoredSamples({"c1": folds[0] / "c1.npz"}, model_id="m")
    with pytest.raises(FileFormatError, match=r"case c1: .*\(classes, z, y, x\)"):
        list(sampler(None, IMAGE, case_id="c1"))
