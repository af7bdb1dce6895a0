"""What is wrong with new cases, draws or answers is named, and never counts as OK."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.case_log import CaseLog
from segqc_conformal.errors import InputError
from segqc_conformal.monitors import MonitorRun, Segment, WatchedGate, run_monitors

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
CASES = 40


def gate() -> WatchedGate:
    rng = np.random.default_rng(0)
    profile = pd.DataFrame(
        {
            "role": ["fit"] * 50 + ["calibration"] * 100,
            "case": range(150),
            "structure": "liver",
            "site": "A",
            "accept_score": rng.normal(size=150),
            "feature_x": rng.normal(size=150),
        }
    )
    return WatchedGate("f00d", profile, (Segment("all", None, 0.1, None),))


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(1)
    names = [f"c{number}" for number in range(CASES)]
    ids = pd.DataFrame(
        {
            "case_id": names,
            "patient_id": [f"p{number}" for number in range(CASES)],
            "structure": "liver",
            "site": "A",
            "time": pd.Timestamp("2026-11-01", tz="UTC") + pd.to_timedelta(range(CASES), unit="h"),
        }
    )
    verdicts = ids.assign(
        predicted_dice=0.9,
        dice_low=0.8,
        dice_high=1.0,
        accept=True,
        accept_score=rng.normal(size=CASES),
        reason="certified",
        message="",
        model_id="m",
        calibration="f00d",
    )
    return verdicts, ids.assign(feature_x=rng.normal(size=CASES))


def ran(tmp_path: Path, verdicts: pd.DataFrame, features: pd.DataFrame) -> MonitorRun:
    with CaseLog(f"sqlite:///{tmp_path}/log.db") as log:
        for part in (slice(0, 20), slice(20, None)):
            log.add(verdicts[part], features)
        return run_monitors(log, gate(), NOW)


Change = Callable[[pd.DataFrame, pd.DataFrame], None]


def not_a_number(verdicts: pd.DataFrame, features: pd.DataFrame) -> None:
    features.loc[5, "feature_x"] = np.nan


def infinite(verdicts: pd.DataFrame, features: pd.DataFrame) -> None:
    features.loc[5, "feature_x"] = np.inf


def unknown_site(verdicts: pd.DataFrame, features: pd.DataFrame) -> None:
    verdicts.loc[5, "site"] = "Z"


def time_going_back(verdicts: pd.DataFrame, features: pd.DataFrame) -> None:
    verdicts.loc[25, "time"] = verdicts["time"].iloc[0]


def vanished(verdicts: pd.DataFrame, features: pd.DataFrame) -> None:
    features.rename(columns={"feature_x": "feature_y"}, inplace=True)


def standing_still(verdicts: pd.DataFrame, features: pd.DataFrame) -> None:
    features["feature_x"] = 0.25


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (not_a_number, "no feature_x in the log"),
        (infinite, "no feature_x in the log"),
        (unknown_site, "a site among ['A']"),
        (time_going_back, "a time not before"),
        (vanished, "no feature_x in the log"),
        (standing_still, "feature_x has stood still"),
    ],
)
def test_bad_cases_are_named_and_never_ok(tmp_path: Path, change: Change, word: str) -> None:
    verdicts, features = tables()
    assert ran(tmp_path, verdicts, features).status == "ok"
    change(verdicts, features)
    other = tmp_path / "changed"
    other.mkdir()
    found = ran(other, verdicts, features)
    assert (found.status, found.exit_code) == ("not_enough_evidence", 11)
    said = [reason for _, reason in found.skipped] + list(found.standings[0].reasons)
    assert any(word in each for each in said)


def test_a_case_given_twice_counts_once(tmp_path: Path) -> None:
    verdicts, features = tables()
    with CaseLog(f"sqlite:///{tmp_path}/log.db") as log:
        log.add(verdicts, features)
        log.add(verdicts, features)
        assert run_monitors(log, gate(), NOW).segments[0].cases == CASES


def test_audits_of_unknown_cases_changed_audits_and_a_clock_that_goes_back_are_refused(
    tmp_path: Path,
) -> None:
    with CaseLog(f"sqlite:///{tmp_path}/log.db") as log:
        log.add(*tables())
        log.draw_audits(1.0, secret_seed=0, now=NOW)
        log.add_audit("c1", {"liver": 0.9}, now=NOW)
        with pytest.raises(InputError, match="case nobody: expected a case of the log"):
            log.add_audit("nobody", {"liver": 0.9}, now=NOW)
        with pytest.raises(InputError, match="case c1: expected the answer recorded before"):
            log.add_audit("c1", {"liver": 0.8}, now=NOW)
        with pytest.raises(InputError, match="case c2: expected a time not before"):
            log.add_audit("c2", {"liver": 0.8}, now=NOW - timedelta(hours=1))
        with pytest.raises(InputError, match="correct the clock"):
            log.draw_audits(1.0, secret_seed=0, now=NOW - timedelta(hours=1))
