import os
import socket

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from segqc_conformal.adapters.evidently_report import drift_snapshot

RNG = np.random.default_rng(0)
REFERENCE = pd.DataFrame({"x": RNG.normal(size=80), "y": RNG.normal(size=80)})


def test_p_values_are_those_of_scipy_and_evidence_stands_in_the_report():
    current = (REFERENCE + RNG.normal(0, 0.1, (80, 2))).add([0.0, 1.0])
    snapshot = drift_snapshot(REFERENCE, current, ["x", "y"], {"primary": 2.345})
    for name in ("x", "y"):
        expected = ks_2samp(REFERENCE[name], current[name]).pvalue
        assert snapshot.p_values[name] == pytest.approx(expected, rel=1e-6)
    assert "log evidence of primary" in snapshot.html
    assert "2.345" in snapshot.html
    assert os.environ["DO_NOT_TRACK"] == "1"


def test_columns_that_cannot_be_compared_are_listed_with_the_reason():
    reference = REFERENCE.assign(nan=np.nan, one=1.0, old=0.0, step=0.0)
    current = REFERENCE.assign(nan=0.0, one=1.0, new=0.0, step=REFERENCE["x"], inf=np.inf)
    reference["inf"] = 1.0
    columns = ["x", "nan", "one", "old", "new", "step", "inf"]
    snapshot = drift_snapshot(reference, current, columns, {})
    assert snapshot.left_out == {
        "nan": "no finite value in the calibration cases",
        "one": "constant: 1 in the calibration cases, 1 in the recent cases",
        "old": "missing in the recent cases",
        "new": "missing in the calibration cases",
        "step": "constant: 0 in the calibration cases",
        "inf": "no finite value in the recent cases",
    }
    assert sorted(snapshot.p_values) == ["x"]


def test_missing_values_are_compared_and_a_single_case_is_not():
    reference = REFERENCE.assign(x=REFERENCE["x"].where(REFERENCE["x"] > 0))
    assert sorted(drift_snapshot(reference, REFERENCE, ["x"], {}).p_values) == ["x"]
    single = drift_snapshot(reference, REFERENCE.head(1), ["x", "y"], {})
    assert sorted(single.left_out) == ["x", "y"]


def test_large_tables_are_sampled_by_the_seed():
    many = pd.DataFrame({"x": RNG.normal(size=500)})
    runs = [drift_snapshot(REFERENCE, many, ["x"], {}, most_rows=100, seed=s) for s in (0, 0, 1)]
    assert [run.rows_current for run in runs] == [100, 100, 100]
    assert runs[0].p_values == runs[1].p_values != runs[2].p_values


def test_evidence_alone_gives_a_report():
    snapshot = drift_snapshot(REFERENCE, REFERENCE.head(0), ["x"], {"primary": 1.0})
    assert "log evidence of primary" in snapshot.html
    assert snapshot.p_values == {}


def test_nothing_to_compare_gives_no_report():
    assert drift_snapshot(REFERENCE.head(0), REFERENCE, ["x"], {}).html == ""


def test_nothing_is_sent(monkeypatch):
    def refused(*address):
        raise AssertionError(f"a connection to {address}")

    monkeypatch.setattr(socket.socket, "connect", refused)
    assert drift_snapshot(REFERENCE, REFERENCE, ["x"], {}).html
