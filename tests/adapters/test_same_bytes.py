import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import ExtraTreesRegressor
from skops.io import dumps, loads

from segqc_conformal.adapters.same_bytes import same_bytes


def fitted(seed: int = 0) -> ExtraTreesRegressor:
    rng = np.random.default_rng(seed)
    return ExtraTreesRegressor(n_estimators=3, random_state=0).fit(
        rng.random((30, 2)), rng.random(30)
    )


def test_equal_models_give_equal_bytes_where_skops_alone_does_not() -> None:
    one, two = ({"model": fitted(), "raw": b"abc"} for _ in range(2))
    assert dumps(one) != dumps(two)
    assert same_bytes(dumps(one)) == same_bytes(dumps(two))
    assert same_bytes(dumps({"model": fitted(1)})) != same_bytes(dumps({"model": fitted(2)}))


def test_skops_reads_the_same_model_from_it() -> None:
    model = fitted()
    data = same_bytes(dumps({"model": model, "raw": b"abc"}))
    found = loads(data, trusted=["sklearn.tree._tree.Tree"])
    points = np.random.default_rng(3).random((50, 2))
    assert found["raw"] == b"abc"
    assert found["model"].predict(points).tobytes() == model.predict(points).tobytes()


CALIBRATE = """
import sys
import pandas as pd
from segqc_conformal.quality_gate import QualityGate
print(QualityGate().calibrate(pd.read_parquet(sys.argv[1])).id)
"""


@pytest.mark.parametrize("patients", [22, 44])
def test_the_same_calibration_in_two_processes_gives_one_version(
    cohort: Callable[..., pd.DataFrame], tmp_path: Path, patients: int
) -> None:
    cohort(patients, empty=0.03).to_parquet(tmp_path / "table.parquet")
    ids = {
        subprocess.run(
            [sys.executable, "-c", CALIBRATE, str(tmp_path / "table.parquet")],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(ids) == 1
