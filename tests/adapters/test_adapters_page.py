"""docs/adapters.md does what it says: its code runs, and its table names what there is."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from deployed_models import SHAPE, unet
from judged_slices import case, data
from monai.data import DataLoader, Dataset, MetaTensor
from monai.engines import SupervisedEvaluator
from monai.transforms import AsDiscreted
from typer.testing import CliRunner

from segqc_conformal.cli.app import app

PAGE = (Path(__file__).parents[2] / "docs" / "adapters.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
IMAGE = np.random.default_rng(0).normal(size=(1, *SHAPE)).astype(np.float32)


def test_every_way_of_the_page_to_load_a_model_predicts_the_same(deployed, tmp_path, monkeypatch):
    for suffix in ("pt2", "ts", "onnx"):
        shutil.copy(deployed / f"m.{suffix}", tmp_path / f"model.{suffix}")
    shutil.copytree(deployed / "bundle", tmp_path / "bundle")
    monkeypatch.chdir(tmp_path)
    names = {"model": unet()}
    exec(BLOCKS[0], names)
    predictors = names["predictors"]
    expected = predictors.pop("module")(IMAGE)
    assert len(predictors) == 6
    for shape, predictor in predictors.items():
        torch.testing.assert_close(predictor(IMAGE), expected, rtol=0, atol=1e-5, msg=shape)
    assert names["folds"].model_id(None) == "nnunet-v2-a"


def test_every_way_of_the_page_into_a_monai_pipeline_runs(judge, capsys):
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(Dataset([data(1, label=torch.zeros(1, 8, 8))])),
        network=judge.predictor.model,
        postprocessing=AsDiscreted("pred", argmax=True),
    )
    given = data(2, pred=MetaTensor(case(2, "deployed").mask[None]))
    exec(BLOCKS[1], {"judge": judge, "data": given, "evaluator": evaluator})
    reason, *table = capsys.readouterr().out.splitlines()
    assert reason in ("certified", "below_threshold", "cannot_certify")
    assert any("whole_case" in line for line in table)


def test_the_code_is_all_of_the_page():
    assert len(BLOCKS) == 2


@pytest.mark.parametrize("suffix", [".pt2", ".ts", ".pt", ".onnx"])
def test_files_that_the_page_names_are_looked_for_by_the_command(suffix, tmp_path):
    assert f"`model{suffix}`" in PAGE
    words = ["extract", str(tmp_path / f"model{suffix}"), "--structures", "near=1"]
    more = ["--out", str(tmp_path / "t.csv"), "--images", str(tmp_path)]
    (tmp_path / "c1.nii.gz").touch()
    done = CliRunner().invoke(app, [*words, *more])
    assert f"an existing {suffix} file" in str(done.exception)
