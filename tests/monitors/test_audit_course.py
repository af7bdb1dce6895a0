from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.case_log import AuditRates, CaseLog
from segqc_conformal.monitors import CoverageBound, Segment, WatchedGate, run_monitors
from segqc_conformal.monitors.audit_course import audit_courses, course_rows
from segqc_conformal.monitors.monitor_table import audits_table
from segqc_conformal.monitors.risk_sequence import RiskSequence
from segqc_conformal.monitors.run import saved_monitor

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
ALL = Segment("all", None, 0.1, CoverageBound(0.1, 0.05, 0.05))


def gate(*segments: Segment) -> WatchedGate:
    rng = np.random.default_rng(0)
    profile = pd.DataFrame(
        {
            "role": ["fit"] * 100 + ["calibration"] * 200,
            "case": range(300),
            "structure": "liver",
            "site": ["A", "B"] * 150,
            "accept_score": rng.normal(size=300),
        }
    )
    return WatchedGate("f00d", profile, segments or (ALL,))


def judged(first: int, count: int, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(first)
    numbers = np.arange(first, first + count)
    accept = rng.random(count) < 0.7
    return pd.DataFrame(
        {
            "case_id": [f"c{number}" for number in numbers],
            "patient_id": [f"p{number}" for number in numbers],
            "structure": "liver",
            "site": np.where(numbers % 2 == 0, "A", "B"),
            "time": pd.Timestamp("2026-10-01", tz="UTC") + pd.to_timedelta(numbers, unit="h"),
            "predicted_dice": 0.9,
            "dice_low": 0.7,
            "dice_high": 1.0,
            "accept": accept,
            "accept_score": rng.normal(size=count) + shift,
            "reason": np.where(accept, "certified", "below_threshold"),
            "message": "",
            "model_id": "m",
            "calibration": "f00d",
        }
    )


def audited(log: CaseLog, rates: AuditRates, bad: float, now: datetime) -> None:
    """Draw, and answer all but one; every tenth from an edited mask."""
    rng = np.random.default_rng(3)
    drawn = log.draw_audits(lambda *_: rates, 5, now=now)["case_id"].tolist()
    for place, case_id in enumerate(drawn[:-1]):
        kind = "edited" if place % 10 == 9 else "expert"
        dice = {"liver": 0.5 if rng.random() < bad else 0.9}
        log.add_audit(case_id, dice, kind, now=now)


@pytest.fixture
def log(tmp_path: Path) -> CaseLog:
    log = CaseLog(f"sqlite:///{tmp_path}/log.db")
    log.add(judged(0, 300))
    audited(log, AuditRates(0.1, 0.4), 0.05, NOW)
    run_monitors(log, gate(), NOW)
    log.add(judged(300, 300, shift=-2.0))
    run_monitors(log, gate(), NOW)
    audited(log, AuditRates(0.8), 0.5, NOW)
    run_monitors(log, gate(), NOW)
    return log


def test_courses_count_what_the_monitors_counted(log: CaseLog) -> None:
    monitor = saved_monitor(log, gate())
    assert monitor is not None
    table = audits_table(monitor)
    table = table[table["site"] == "all"].set_index("promise")
    courses = audit_courses(log, monitor)
    assert [course.promise for course in courses] == ["accepted error", "miscoverage"]
    for course in courses:
        row = table.loc[course.promise]
        assert len(course.rows) == row["audits"]
        assert course.rows["loss"].sum() == float(row["wrong"])
        assert course.rows["period"].unique().tolist() == [0, 1]
    assert [course.bound for course in courses] == [0.1, pytest.approx(0.15)]  # with its margin


def test_the_ends_are_those_of_a_sequence_begun_at_each_change_of_rate(log: CaseLog) -> None:
    monitor = saved_monitor(log, gate())
    assert monitor is not None
    for course in audit_courses(log, monitor):
        for _, rows in course.rows.groupby("period"):
            sequence = RiskSequence(course.share)
            for row in rows.to_dict("records"):
                sequence.update(row["loss"], row["case_id"])
                assert (row["low"], row["high"]) == sequence.interval
                assert (row["risk"], row["audits"]) == (sequence.risk, sequence.audits)


def test_alarms_are_marked_where_the_monitors_had_them(log: CaseLog) -> None:
    monitor = saved_monitor(log, gate())
    assert monitor is not None
    (segment,) = monitor
    for course in audit_courses(log, monitor):
        harm = segment.evidence()[course.promise]["alarmed_at"]
        assert harm is not None
        assert course.harm_at == harm - 1  # answers came in the order of the periods here
        assert course.watch_at is not None
        assert segment.closing is not None
        alarm = segment.closing.since_sequence
        since = course.rows["sequence"] > alarm
        assert since.tolist() == [False] * course.watch_at + [True] * int(since.sum())


def test_answers_that_no_run_has_read_are_left_out(log: CaseLog) -> None:
    monitor = saved_monitor(log, gate())
    assert monitor is not None
    before = [len(course.rows) for course in audit_courses(log, monitor)]
    log.add(judged(900, 50))
    audited(log, AuditRates(1.0), 0.5, NOW + timedelta(days=1))
    assert [len(course.rows) for course in audit_courses(log, monitor)] == before


def test_segments_have_courses_of_their_own(tmp_path: Path) -> None:
    sites = [Segment(site, (site,), 0.1, None, "too few") for site in "AB"]
    with CaseLog(f"sqlite:///{tmp_path}/log.db") as log:
        log.add(judged(0, 200))
        audited(log, AuditRates(0.5), 0.1, NOW)
        run_monitors(log, gate(*sites), NOW)
        monitor = saved_monitor(log, gate(*sites))
        assert monitor is not None
        courses = audit_courses(log, monitor)
    assert [(course.segment, course.promise) for course in courses] == [
        ("A", "accepted error"),
        ("B", "accepted error"),
    ]
    for course in courses:
        assert {int(case[1:]) % 2 for case in course.rows["case_id"]} == {
            "AB".index(course.segment)
        }


def test_nothing_audited_has_no_course(tmp_path: Path) -> None:
    with CaseLog(f"sqlite:///{tmp_path}/log.db") as log:
        log.add(judged(0, 20))
        run_monitors(log, gate(), NOW)
        monitor = saved_monitor(log, gate())
        assert monitor is not None
        assert audit_courses(log, monitor) == ()


def left(rng: np.random.Generator, pooled: bool) -> bool:
    """Whether a band leaves out the average risk of the cases that it speaks of.

    The first 2,000 cases are bad at .05 and audited at .03, the next 200 at .30 and .9.
    """
    risk = np.repeat([0.05, 0.30], [2_000, 200])
    epoch = np.repeat([0, 1], [2_000, 200])
    drawn = np.flatnonzero(rng.random(risk.size) < np.where(epoch == 0, 0.03, 0.9))
    audits = pd.DataFrame(
        {
            "answer": np.arange(drawn.size),
            "sequence": drawn,
            "stratum": "accepted/A",
            "epoch": 0 if pooled else epoch[drawn],
            "loss": (rng.random(drawn.size) < risk[drawn]).astype(float),
        }
    )
    last = course_rows(audits, 0.05).iloc[-1]
    truth = risk.mean() if pooled else 0.30
    return not last["low"] <= truth <= last["high"]


def test_a_band_holds_the_risk_of_its_period_and_pooled_rates_would_not() -> None:
    rng = np.random.default_rng(11)
    assert sum(left(rng, pooled=False) for _ in range(60)) <= 3
    assert sum(left(rng, pooled=True) for _ in range(60)) >= 50
