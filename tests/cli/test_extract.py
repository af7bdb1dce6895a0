"""The command as a user calls it: real files in, table and words out."""

from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
import torch
import typer
from torch import nn
from typer.testing import CliRunner, Result

from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.cli.extract import extract
from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.features.batch import open_batch
from segqc_conformal.features.extractor import FeatureExtractor
from segqc_conformal.features.table import read_table

SHAPE = (4, 5, 6)
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
STRUCTURES = {"near": 1, "far": 2}

app = typer.Typer()
app.command()(extract)


def run(folder: Path, source: Path | str, *more: object, out: str = "t.parquet") -> Result:
    words = [source, "--out", folder / out, "--structures", "near=1,far=2", *more]
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, [str(word) for word in words])


def labels(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 3, SHAPE).astype(np.uint8)


def probabilities(number: int) -> np.ndarray:
    """Three samples whose most probable class is mostly that of `labels`."""
    noise = np.random.default_rng(100 + number).normal(size=(3, 3, *SHAPE))
    logits = noise + 3 * np.moveaxis(np.eye(3)[labels(number)], -1, 0)
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.fixture
def folders(tmp_path):
    """Saved probabilities of c1, c2 and c3; references of c1, c2 and of no case."""
    (tmp_path / "p").mkdir()
    (tmp_path / "r").mkdir()
    for number in (1, 2, 3):
        np.savez(
            tmp_path / "p" / f"c{number}.npz",
            probabilities=probabilities(number),
            spacing_mm=(1.0, 1.0, 2.0),
        )
    for number in (1, 2, 9):
        write_volume(tmp_path / "r" / f"c{number}.nii.gz", labels(number), AFFINE)
    return tmp_path


class Threshold(nn.Module):
    """Logits of three classes that grow with the intensity."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))

    def forward(self, batch):
        return torch.cat([0 * batch, self.gain * batch, 2 * self.gain * (batch - 1)], dim=1)


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name, gain in (("a", 1.0), ("b", 2.0)):
        program = torch.export.export(Threshold(gain).eval(), (torch.zeros(1, 1, *SHAPE),))
        torch.export.save(program, folder / f"{name}.pt2")
    return folder


@pytest.fixture
def images(tmp_path):
    (tmp_path / "i").mkdir()
    for number in (1, 2):
        image = labels(number).astype(np.float32)
        write_volume(tmp_path / "i" / f"c{number}.nii.gz", image, AFFINE)
    return tmp_path / "i"


def test_saved_probabilities_give_the_dice_of_their_fused_mask(folders):
    result = run(folders, folders / "p", "--references", folders / "r", "--model-id", "m1")
    assert result.exit_code == 0, result.output
    table = read_table(folders / "t.parquet").set_index(["case_id", "structure"])
    for number in (1, 2):
        fused = probabilities(number).mean(axis=0).argmax(axis=0)
        for name, label in STRUCTURES.items():
            row = table.loc[(f"c{number}", name)]
            assert row["dice"] == pytest.approx(dice(fused == label, labels(number) == label))
            # a voxel of 1 x 1 x 2 mm is 0.002 ml
            assert row["feature_volume_ml"] == pytest.approx(0.002 * (fused == label).sum())
    assert table.loc["c3", "dice"].isna().all()
    assert set(table["model_id"]) == {"m1"}
    assert set(table["judged"]) == {"fused"}


def test_the_full_schema_adds_features_and_maps_are_saved_per_case(folders):
    result = run(
        folders, folders / "p", "--model-id", "m1", "--schema", "full", "--maps", folders / "m"
    )
    assert result.exit_code == 0, result.output
    table = read_table(folders / "t.parquet")
    assert set(table["schema_version"]) == {"full-1"}
    assert {"feature_epkl_judged_mean", "feature_pairwise_dice"} <= set(table.columns)
    assert "of schema full-1" in result.stdout
    saved = nibabel.load(folders / "m" / "c1" / "mask.nii.gz")
    fused = probabilities(1).mean(axis=0).argmax(axis=0)
    np.testing.assert_array_equal(saved.get_fdata(), fused)
    assert (folders / "m" / "c3" / "mutual_information.nii.gz").exists()


def test_features_of_the_image_never_see_the_reference_mask(folders):
    words = (folders / "p", "--model-id", "m1", "--schema", "full")
    run(folders, *words, "--references", folders / "r", out="with.parquet")
    run(folders, *words, out="without.parquet")
    tables = [read_table(folders / name) for name in ("with.parquet", "without.parquet")]
    columns = [name for name in tables[0] if name.startswith("feature_")]
    pd.testing.assert_frame_equal(tables[0][columns], tables[1][columns])


def test_features_of_the_image_come_from_the_scan_where_there_is_one(folders, images):
    words = (folders / "p", "--model-id", "m1", "--schema", "full", "--images", images)
    run(folders, *words)
    table = read_table(folders / "t.parquet").set_index("case_id")
    assert (table.loc["c1", "feature_image_mean"] != 0).all()
    assert (table.loc["c3", "feature_image_mean"] == 0).all()


def test_saved_probabilities_of_overlapping_regions_need_to_say_so(folders):
    for number in (1, 2, 3):
        regions = np.random.default_rng(number).random((3, 2, *SHAPE))
        np.savez(folders / "p" / f"c{number}.npz", probabilities=regions, spacing_mm=(1, 1, 2))
    refused = run(folders, folders / "p", "--model-id", "m1")
    assert refused.exit_code == 1
    assert "overlapping" in refused.stdout
    result = run(folders, folders / "p", "--model-id", "m1", "--channels", "overlapping")
    assert result.exit_code == 0, result.output
    table = read_table(folders / "t.parquet").set_index(["case_id", "structure"])
    regions = np.random.default_rng(2).random((3, 2, *SHAPE)).mean(axis=0) > 0.5
    assert table.loc[("c2", "far"), "feature_volume_ml"] == pytest.approx(0.002 * regions[1].sum())


def test_words_name_what_was_assumed_left_out_and_found(folders):
    result = run(folders, folders / "p", "--references", folders / "r", "--model-id", "m1")
    assert "each case counts as its own patient" in result.stderr
    assert f"files that fit no case: {folders / 'r' / 'c9.nii.gz'}" in result.stderr
    known = read_table(folders / "t.parquet").groupby("structure")["dice"].mean()
    near = next(line for line in result.stdout.splitlines() if " near " in line)
    assert [cell.strip() for cell in near.split("│")[1:-1]] == [
        "near",
        "3",
        "0",
        "0",
        "2",
        f"{known['near']:.3f}",
    ]
    assert "Cases: 3, failed: 0, patients: 3, sites: 1. Judged: fused masks." in result.stdout


def test_case_list_gives_patient_site_and_time_and_leaves_out_the_rest(folders):
    (folders / "cases.csv").write_text(
        "case_id,patient_id,site,time\nc2,007,A,2026-01-02T00:00Z\nc1,007,A,2026-01-01T00:00Z\n"
    )
    result = run(folders, folders / "p", "--model-id", "m", "--cases", folders / "cases.csv")
    assert "its own patient" not in result.stderr
    assert f"fit no case: {folders / 'p' / 'c3.npz'}" in result.stderr
    table = read_table(folders / "t.parquet")
    assert table["case_id"].unique().tolist() == ["c2", "c1"]
    assert set(table["patient_id"]) == {"007"}
    assert table["time"].dt.strftime("%Y-%m-%d").unique().tolist() == ["2026-01-02", "2026-01-01"]


def test_damaged_case_is_a_failed_row_and_the_others_go_on(folders):
    (folders / "p" / "c2.npz").write_bytes(b"\x07" * 300)
    result = run(folders, folders / "p", "--model-id", "m", out="t.csv")
    assert result.exit_code == 0
    table = read_table(folders / "t.csv").drop_duplicates("case_id").set_index("case_id")
    assert table["failed"].notna().tolist() == [False, True, False]
    assert "failed: case c2: expected a readable c2.npz" in result.stdout


def test_nothing_but_failures_exits_1(folders):
    for number in (1, 2, 3):
        (folders / "p" / f"c{number}.npz").write_bytes(b"")
    result = run(folders, folders / "p", "--model-id", "m")
    assert result.exit_code == 1
    assert read_table(folders / "t.parquet")["failed"].notna().all()


def test_deployed_masks_are_judged_and_a_missing_one_fails_its_case(folders):
    (folders / "m").mkdir()
    for number in (1, 2):
        write_volume(folders / "m" / f"c{number}.nii.gz", labels(number), AFFINE)
    more = ("--masks", folders / "m", "--references", folders / "r", "--model-id", "m")
    run(folders, folders / "p", *more)
    table = read_table(folders / "t.parquet").set_index("case_id")
    assert set(table["judged"]) == {"deployed"}
    assert table.loc[["c1", "c2"], "dice"].tolist() == [1.0] * 4
    assert table.loc["c3", "failed"].str.contains("existing NIfTI file").all()


def test_one_program_is_a_single_pass_and_several_are_an_ensemble(images, programs, tmp_path):
    result = run(tmp_path, programs / "a.pt2", "--images", images, "--model-id", "a-v1")
    assert result.exit_code == 0, result.output
    one = read_table(tmp_path / "t.parquet")
    assert one[["model_id", "sampler_id"]].drop_duplicates().to_numpy().tolist() == [
        ["a-v1", "SinglePass"]
    ]
    run(tmp_path, programs, "--images", images, out="folder.parquet")
    listed = f"{programs / 'b.pt2'},{programs / 'a.pt2'}"
    run(tmp_path, listed, "--images", images, out="list.parquet")
    tables = [read_table(tmp_path / name) for name in ("folder.parquet", "list.parquet")]
    assert [set(table["sampler_id"]) for table in tables] == [{"DeepEnsemble(members=2)"}] * 2
    assert set(tables[0]["model_id"]) == set(tables[1]["model_id"])
    assert tables[0]["failed"].isna().all()


def test_activation_reaches_the_predictor(images, programs, tmp_path):
    run(tmp_path, programs / "a.pt2", "--images", images, "--activation", "none")
    failed = read_table(tmp_path / "t.parquet")["failed"]
    assert failed.str.contains(r"\[0, 1\]").all()


def test_finished_cases_are_kept_until_the_table_is_written(folders, monkeypatch):
    done = []
    most = 2
    real = FeatureExtractor.accumulate

    def counted(extractor, case):
        if len(done) == most:
            raise KeyboardInterrupt
        done.append(case.case_id)
        return real(extractor, case)

    monkeypatch.setattr(FeatureExtractor, "accumulate", counted)
    run(folders, folders / "p", "--model-id", "m")
    assert not (folders / "t.parquet").exists()
    assert len(list((folders / ".t.parquet.unfinished").rglob("*.json"))) == 2
    most = 3
    run(folders, folders / "p", "--model-id", "m")
    assert done == ["c1", "c2", "c3"]
    assert not (folders / ".t.parquet.unfinished").exists()
    assert read_table(folders / "t.parquet")["case_id"].unique().tolist() == ["c1", "c2", "c3"]


def test_after_a_failure_only_the_failed_case_is_computed_again(folders, monkeypatch):
    done = []
    real = FeatureExtractor.accumulate

    def counted(extractor, case):
        done.append(case.case_id)
        return real(extractor, case)

    monkeypatch.setattr(FeatureExtractor, "accumulate", counted)
    whole = (folders / "p" / "c2.npz").read_bytes()
    (folders / "p" / "c2.npz").write_bytes(whole[:100])
    run(folders, folders / "p", "--model-id", "m")
    (folders / "p" / "c2.npz").write_bytes(whole)
    assert run(folders, folders / "p", "--model-id", "m").exit_code == 0
    assert done == ["c1", "c3", "c2"]
    assert read_table(folders / "t.parquet")["failed"].isna().all()


def test_shards_extracted_apart_are_the_table_of_one_process(folders):
    words = (folders / "p", "--model-id", "m", "--references", folders / "r")
    assert run(folders, *words, out="whole.parquet").exit_code == 0
    for part in ("2/3", "3/3"):
        shown = run(folders, *words, "--shard", part)
        assert shown.exit_code == 0, shown.output
    assert len(list((folders / "t.parquet.shards").glob("*.parquet"))) == 2
    assert not (folders / "t.parquet").exists()
    assert run(folders, *words, "--shard", "3").exit_code == 0
    assert (folders / "t.parquet").read_bytes() == (folders / "whole.parquet").read_bytes()


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["--shard", "3of4"], "for example: --shard 3/16"),
        (["--shard", "0/2"], "number the shards from 1"),
        (["--shard", "4"], "no more of them than there are cases"),
        (["--shard", "2", "--maps", "m"], "shards hold features alone"),
        (["--shard", "1/2", "--ray"], "say how many parts to cut"),
        (["--ray"], "say how many parts to cut"),
        (["--shard", "2", "--workers", "2"], "leave --workers out"),
    ],
)
def test_shards_that_make_no_sense_are_refused(folders, words, remedy):
    result = run(folders, folders / "p", "--model-id", "m", *words)
    assert isinstance(result.exception, InputError)
    assert remedy in str(result.exception)


def test_what_no_case_and_no_model_id_shows_still_tells_batches_apart(folders, images, programs):
    program = str(programs / "a.pt2")
    batches = [
        open_batch(program, images=images),
        open_batch(program, images=images, activation="sigmoid"),
        open_batch(str(folders / "p"), model_id="m"),
        open_batch(str(folders / "p"), model_id="m", spacing_mm=(1.0, 1.0, 1.0)),
    ]
    plain, activated, stored, spaced = (batch.settings for batch in batches)
    assert plain != activated
    assert stored != spaced


@pytest.mark.parametrize(
    ("source", "more", "error", "message"),
    [
        ("model.pth", (), FileFormatError, "existing folder or models; received model.pth"),
        ("p", (), InputError, "give --model-id"),
        ("p", ("--model-id", "m", "--activation", "softmax"), InputError, "need no activation"),
        ("p", ("--model-id", "m", "--spacing", "1,x"), InputError, "a voxel size in mm as x,y,z"),
        ("p", ("--model-id", "m", "--structures", "near"), InputError, "name=label,name=label"),
        ("p", ("--model-id", "m", "--structures", "a=1,a=2"), InputError, "name=label,name=label"),
        ("p", ("--model-id", "m", "--out", "t.xlsx"), FileFormatError, "--out as a .parquet"),
        ("p", ("--model-id", "m", "--masks", "no"), FileFormatError, "an existing folder"),
        ("a.pt2", (), InputError, "give their folder by --images"),
        ("a.pt2", ("--images", "i", "--spacing", "1,1,1"), InputError, "leave --spacing out"),
        ("a.pt2", ("--images", "i"), FileFormatError, "an existing .pt2 file"),
        ("a.pt2,b.pt2", ("--images", "i", "--model-id", "m"), InputError, "its weights name it"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    folders, images, monkeypatch, source, more, error, message
):
    monkeypatch.chdir(folders)
    result = run(folders, source, *more)
    assert type(result.exception) is error
    assert message in str(result.exception)
    assert not (folders / "t.parquet").exists()
