import re
from pathlib import Path

import numpy as np
import pytest

from segqc_conformal.evaluation.voxel_errors import read_voxel_errors
from segqc_conformal.evaluation.voxel_metrics import voxel_metrics
from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "evaluation.md").read_text("utf-8")


def one_case(seed):
    """Maps, mask and reference mask of a case, whose masks err where probabilities are level."""
    rng = np.random.default_rng(seed)
    accumulator = UncertaintyAccumulator({"near": 1, "far": 2}, (1.0, 1.0))
    mean = rng.dirichlet([0.5] * 3, (30, 30))
    for _ in range(3):
        sample = np.moveaxis(mean + rng.uniform(0.0, 0.05, mean.shape), -1, 0)
        accumulator.update(sample / sample.sum(axis=0))
    reference = (rng.random((30, 30, 1)) > mean.cumsum(axis=-1)[..., :2]).sum(axis=-1)
    return accumulator.maps(), accumulator.fused_mask(), reference


def test_the_example_of_the_page_runs_and_finds_wrong_voxels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(
        compile(block, "evaluation.md", "exec"),
        {"classes": 3, "cases": [one_case(seed) for seed in range(2)]},
    )
    (counts,) = read_voxel_errors("voxels.json").values()
    assert voxel_metrics(counts)["error_auroc"] > 0.7
