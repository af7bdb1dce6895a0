import os
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from segqc_conformal.adapters.evidently_report import MonitorFigure, drift_snapshot

RNG = np.random.default_rng(0)
REFERENCE = pd.DataFrame({"x": RNG.normal(size=80), "y": RNG.normal(size=80)})


def test_p_values_are_those_of_scipy_and_our_figures_stand_in_the_report():
    current = (REFERENCE + RNG.normal(0, 0.1, (80, 2))).add([0.0, 1.0])
    snapshot = drift_snapshot(REFERENCE, current, [MonitorFigure("log evidence", "score", 2.345)])
    for name in ("x", "y"):
        expected = ks_2samp(REFERENCE[name], current[name]).pvalue
        assert snapshot.p_values[name] == pytest.approx(expected, rel=1e-6)
    assert "log evidence: score (by the monitors, not by evidently)" in snapshot.html
    assert "2.345" in snapshot.html
    assert os.environ["DO_NOT_TRACK"] == "1"


def test_a_figure_is_tested_against_its_level_and_no_column_is():
    figures = [
        MonitorFigure("log evidence", "quiet", 1.0, below=3.0),
        MonitorFigure("log evidence", "alarmed", 4.0, below=3.0),
        MonitorFigure("audited risk", "rate", 0.2),
        MonitorFigure("log evidence", "nothing yet", -np.inf, below=3.0),
    ]
    run = drift_snapshot(REFERENCE, REFERENCE + 9.0, figures).run.dict()
    told = {test["metric_config"]["params"]["name"]: test["status"].value for test in run["tests"]}
    assert told == {"quiet": "SUCCESS", "alarmed": "FAIL"}
    values = {
        metric["config"]["name"]: metric["value"]
        for metric in run["metrics"]
        if "name" in metric["config"]
    }
    assert values == {"quiet": 1.0, "alarmed": 4.0, "rate": 0.2}


def test_the_run_has_its_time_and_tags():
    now = datetime(2026, 1, 2, tzinfo=UTC)
    told = drift_snapshot(REFERENCE, REFERENCE, tags=["site A"], now=now).run.dump_dict()
    assert (told["timestamp"], told["tags"]) == (now, ["site A"])


def test_missing_and_infinite_values_are_left_out():
    current = REFERENCE.assign(x=REFERENCE["x"].where(REFERENCE["x"] > 0), y=REFERENCE["y"])
    current.loc[:9, "y"] = np.inf
    found = drift_snapshot(REFERENCE, current).p_values
    assert found["x"] == pytest.approx(ks_2samp(REFERENCE["x"], current["x"].dropna()).pvalue)
    assert found["y"] == pytest.approx(ks_2samp(REFERENCE["y"], current["y"][10:]).pvalue)


def test_figures_alone_give_a_report_and_nothing_gives_none():
    figure = MonitorFigure("log evidence", "score", 1.0)
    alone = drift_snapshot(REFERENCE[[]], REFERENCE[[]], [figure])
    assert "log evidence: score" in alone.html
    assert alone.p_values == {}
    nothing = drift_snapshot(REFERENCE[[]], REFERENCE[[]])
    assert (nothing.html, nothing.run) == ("", None)
