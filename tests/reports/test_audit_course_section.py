import numpy as np
import pandas as pd

from segqc_conformal.monitors.audit_course import AuditCourse, course_rows
from segqc_conformal.reports.audit_course_section import audits_over_time


def course(losses, bound=0.1, epochs=None, **changes):
    count = len(losses)
    audits = pd.DataFrame(
        {
            "answer": range(1, count + 1),
            "case_id": [f"c{number}" for number in range(count)],
            "sequence": range(count),
            "time": pd.Timestamp("2026-01-01", tz="UTC"),
            "stratum": "accepted/A",
            "epoch": epochs or 0,
            "loss": losses,
        }
    )
    rows = course_rows(audits, 0.05)
    return AuditCourse("all", "accepted error", bound, 0.05, rows, **changes)


def test_the_caption_says_what_the_audits_showed():
    good = audits_over_time([course([0.0] * 100)]).body
    assert "0 of 100 audits wrong: 0.0 %, between 0.0 % and 5.2 %; bound 10.0 %." in good
    assert "The band lies below the bound." in good
    bad = audits_over_time([course([1.0, 1.0, 0.0] * 20)]).body
    assert "40 of 60 audits wrong: 66.7 %" in bad
    assert "The band lies above the bound." in bad
    few = audits_over_time([course([0.0, 0.0])]).body
    assert "these audits settle nothing alone" in few


def test_it_says_what_is_promised_and_that_it_decides_nothing():
    body = audits_over_time([course([0.0] * 10)]).body
    assert "at every number of audits at once, with a chance of at least 95 %" in body
    assert "decides nothing: only the monitors alarm" in body


def test_alarms_bound_and_changes_of_rate_are_drawn():
    marked = course([0.0, 0.0, 1.0, 1.0], epochs=[0, 0, 1, 1], harm_at=3, watch_at=2)
    body = audits_over_time([marked]).body
    for word in ("bound", "WATCH", "HARM", "rate changed"):
        assert f'"text":"{word}"' in body
    assert "2 of 2 audits wrong since the audit rate last changed" in body
    quiet = audits_over_time([course([0.0, 0.0])]).body
    assert '"text":"HARM"' not in quiet
    assert '"text":"rate changed"' not in quiet


def test_segments_are_named_where_there_are_several_and_none_is_said():
    one = course([0.0])
    other = AuditCourse("A", one.promise, one.bound, one.share, one.rows)
    assert "A: Accepted although bad" in audits_over_time([one, other]).body
    assert "no audit has been answered" in audits_over_time([]).body
    assert np.isfinite(one.rows[["low", "high"]]).all(axis=None)
