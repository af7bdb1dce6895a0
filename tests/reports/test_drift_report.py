import re
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.reports.drift_report import StreamEvidence, write_drift_report

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def current(gate, new_table):
    shifted = new_table.assign(
        feature_pairwise_dice=(new_table["feature_pairwise_dice"] - 0.1).clip(0, 1),
        site=new_table["site"].replace("B", "NEW"),
    )
    features = shifted[["case_id", "structure", "feature_pairwise_dice", "feature_volume_ml"]]
    return gate.judge(shifted).merge(features, how="left", on=["case_id", "structure"])


@pytest.fixture(scope="module")
def report(gate, current, tmp_path_factory):
    states = [
        StreamEvidence("whole_case: accept_score", 4.4, 3.7, True, "c5017"),
        StreamEvidence("anterior: pairwise_dice", 1.2, 5.3, False),
    ]
    events = pd.DataFrame(
        {
            "time": [pd.Timestamp("2026-01-01 10:00", tz="UTC")],
            "kind": ["watch_alarm"],
            "detail": [{"case_id": "c5030"}],
        }
    )
    path = tmp_path_factory.mktemp("drift") / "drift.html"
    return write_drift_report(path, gate, current, states, events, now=NOW)


def test_chromium_draws_our_page_and_evidentlys_inside_it(report, chromium, tmp_path):
    # a frame's own document is not dumped: move it out after it was drawn
    page = tmp_path / "moved.html"
    page.write_text(
        report.read_text("utf-8").replace(
            "</body>",
            (
                "<script>addEventListener('load', () => setTimeout(() => {"
                "const inside = document.querySelector('iframe').contentDocument.body;"
                "const told = document.createElement('div'); told.id = 'inside';"
                "told.textContent = inside.innerText; document.body.append(told);"
                "document.querySelector('iframe').remove(); }, 4000));</script></body>"
            ),
        ),
        "utf-8",
    )
    dom = chromium(page, 1200)
    ours, inside = dom.split('<div id="inside">')
    assert "since about case c5017" in ours
    assert "<svg" in ours
    assert "new: not calibrated" in ours
    assert "case_id: c5030" in ours
    assert "It does not mean that masks became worse" in ours
    assert "log evidence of whole_case: accept_score" in inside
    assert "4.4" in inside
    assert "Drift is detected" in inside
    assert "anterior: pairwise_dice" in inside


def test_page_needs_nothing_but_itself(report):
    text = report.read_text("utf-8").replace("&quot;", '"').replace("&#x27;", "'")
    text = text.replace("&lt;", "<").replace("&gt;", ">")
    assert not re.findall(
        r"""<(?:script|img|iframe|link)[^>]{0,500}(?:src|href)=["']https?:""", text
    )
    assert "default-src 'none'" in text


def test_page_does_not_scroll_sideways_on_a_narrow_window(report, scroll_width):
    assert scroll_width(report, 400) <= 400


def test_no_alarm_and_no_site_read_well(gate, current, tmp_path):
    states = [StreamEvidence("accept_score", -0.7, 3.0, False)]
    path = write_drift_report(tmp_path / "d.html", gate, current.drop(columns="site"), states)
    text = path.read_text("utf-8")
    assert "No alarm. The evidence of 1 streams stays below its alarm level" in text
    assert "unknown" in text


def test_cases_that_could_not_be_judged_do_not_break_the_report(gate, current, tmp_path):
    empty = current.assign(
        accept_score=-np.inf,
        predicted_dice=np.nan,
        feature_pairwise_dice=np.nan,
        feature_volume_ml=0.0,
    )
    text = write_drift_report(tmp_path / "d.html", gate, empty).read_text("utf-8")
    assert "no finite value in the recent cases" in text
    assert "No monitor has reported yet" in text


def test_gate_without_calibration_cases_has_nothing_to_compare_with(tiny_gate, current, tmp_path):
    text = write_drift_report(tmp_path / "d.html", tiny_gate, current).read_text("utf-8")
    assert "There was nothing to compare." in text


def test_rows_without_accept_score_are_refused(gate, current, tmp_path):
    with pytest.raises(InputError, match="accept_score"):
        write_drift_report(tmp_path / "d.html", gate, current.drop(columns="accept_score"))
