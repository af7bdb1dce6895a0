"""One network, deployed in every shape that is read, gives the same features."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from deployed_models import unet
from monai.inferers import SlidingWindowInferer
from typer.testing import CliRunner

from segqc_conformal.adapters.monai_bundle import load_bundle
from segqc_conformal.cli.app import app
from segqc_conformal.doctor.diagnosis import diagnose
from segqc_conformal.doctor.subjects import Subjects
from segqc_conformal.errors import FileFormatError
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.features.extract import extract_features
from segqc_conformal.features.programs import find_programs, load_program
from segqc_conformal.features.table import feature_columns, read_table
from segqc_conformal.measures.schema import FeatureSchema
from segqc_conformal.sampling.augmentations import Flip
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.single_pass import SinglePass
from segqc_conformal.sampling.tta import TestTimeAugmentation

STRUCTURES = {"near": 1, "far": 2}


def window() -> SlidingWindowInferer:
    return SlidingWindowInferer(roi_size=(16, 8, 8))


def predictors(folder: Path) -> dict[str, Predictor]:
    model = unet()
    return {
        "plain module": Predictor(model),
        "torch.export": Predictor(load_program(folder / "m.pt2")),
        "TorchScript": Predictor(load_program(folder / "m.ts")),
        "MONAI bundle": load_bundle(folder / "bundle", trust_config=True),
        "ONNX": Predictor(load_program(folder / "m.onnx")),
        "inferer": Predictor(model, inferer=window()),
        "plain callable": Predictor(model.forward, model_id="m-v1"),
    }


@pytest.mark.parametrize("sampler", [SinglePass(), TestTimeAugmentation([Flip((0,)), Flip((2,))])])
def test_every_shape_gives_the_same_features(deployed, scans, sampler):
    cases = [CaseFiles(f"c{number}", "p", "A", scans / f"c{number}.nii.gz") for number in (1, 2)]
    tables = {
        shape: extract_features(
            cases,
            predictor,
            sampler,
            structures=STRUCTURES,
            schema=FeatureSchema("full"),
            progress=False,
        )
        for shape, predictor in predictors(deployed).items()
    }
    plain = tables.pop("plain module")
    assert plain["failed"].isna().all()
    assert (plain["feature_volume_ml"] > 0).all()
    for shape, table in tables.items():
        values = table[feature_columns(table)].to_numpy()
        expected = plain[feature_columns(plain)].to_numpy()
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-4, err_msg=shape)


def test_other_weights_give_other_features(deployed, scans):
    case = CaseFiles("c1", "p", "A", scans / "c1.nii.gz")
    one, other = (
        extract_features([case], predictor, SinglePass(), structures=STRUCTURES, progress=False)
        for predictor in (Predictor(load_program(deployed / "m.onnx")), Predictor(unet(seed=1)))
    )
    assert (one["feature_volume_ml"] - other["feature_volume_ml"]).abs().min() > 1e-4


@pytest.mark.parametrize("file", ["m.pt2", "m.ts", "m.onnx"])
def test_the_doctor_reads_each_file_and_runs_it(deployed, scans, file):
    findings = diagnose(Subjects(folder=scans, models=(deployed / file,), structures=STRUCTURES))
    told = {finding.subject: finding for finding in findings}
    assert told["model"].message.startswith(f"{file}, model_id sha256:")
    assert "fixed by the export" in told["dropout"].message
    assert told["model on c1"].message == "(1, 16, 8, 8) -> (3, 16, 8, 8)"
    assert {finding.level for finding in findings} == {"ok"}


def test_models_of_two_kinds_are_no_ensemble(deployed):
    for source in (str(deployed), f"{deployed / 'm.pt2'},{deployed / 'm.onnx'}"):
        with pytest.raises(FileFormatError, match=r"models of one kind; received m\."):
            find_programs(source)


def test_checkpoints_of_training_in_a_folder_of_models_do_not_count(deployed, tmp_path):
    for name in ("a.ts", "b.pt", ".hidden.ts"):
        (tmp_path / name).write_bytes((deployed / "m.ts").read_bytes())
    assert find_programs(str(tmp_path)) == (tmp_path / "a.ts",)
    assert find_programs(str(tmp_path / "b.pt")) == (tmp_path / "b.pt",)


@pytest.mark.parametrize("file", ["m.pt2", "m.ts", "bundle", "m.onnx"])
def test_the_command_takes_each_file_as_it_is(deployed, scans, tmp_path, file):
    words = [deployed / file, "--images", scans, "--structures", "near=1,far=2"]
    trusted = ["--trust-config"] if file == "bundle" else []
    done = CliRunner().invoke(
        app, ["extract", *map(str, words), "--out", str(tmp_path / "t.csv"), *trusted]
    )
    assert done.exit_code == 0, done.output
    table = read_table(tmp_path / "t.csv")
    expected = extract_features(
        [CaseFiles(name, name, "unknown", scans / f"{name}.nii.gz") for name in ("c1", "c2")],
        Predictor(unet()),
        SinglePass(),
        structures=STRUCTURES,
        progress=False,
    )
    columns = feature_columns(expected)
    pd.testing.assert_frame_equal(table[columns], expected[columns], rtol=0, atol=1e-4)
    same_weights = set(table["model_id"]) == set(expected["model_id"])
    assert same_weights == (file != "m.onnx")  # an ONNX file renames and folds weights
