import json
import re
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.monitors.audit_course import AuditCourse, course_rows
from segqc_conformal.reports import drift_report
from segqc_conformal.reports.drift_report import write_drift_report
from segqc_conformal.reports.monitor_evidence import MonitorEvidence, StreamEvidence

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def current(gate, new_table):
    shifted = new_table.assign(
        feature_pairwise_dice=(new_table["feature_pairwise_dice"] - 0.1).clip(0, 1),
        site=new_table["site"].replace("B", "NEW"),
    )
    features = shifted[["case_id", "structure", "feature_pairwise_dice", "feature_volume_ml"]]
    return gate.judge(shifted).merge(features, how="left", on=["case_id", "structure"])


def course():
    audits = pd.DataFrame(
        {
            "answer": range(1, 41),
            "sequence": range(40),
            "time": pd.Timestamp("2026-01-01", tz="UTC"),
            "stratum": "accepted/A",
            "epoch": 0,
            "loss": [0.0, 0.0, 0.0, 1.0] * 10,
        }
    )
    return AuditCourse("all", "accepted error", 0.1, 0.05, course_rows(audits, 0.05), watch_at=20)


EVIDENCE = MonitorEvidence(
    streams=(
        StreamEvidence("whole_case: accept_score", 4.4, 3.7, True, "c5017"),
        StreamEvidence("anterior: pairwise_dice", 1.2, 5.3, False),
    ),
    courses=(course(),),
    events=pd.DataFrame(
        {
            "time": [pd.Timestamp("2026-01-01 10:00", tz="UTC")],
            "kind": ["watch_alarm"],
            "detail": [{"case_id": "c5030"}],
        }
    ),
)


@pytest.fixture(scope="module")
def report(gate, current, tmp_path_factory):
    path = tmp_path_factory.mktemp("drift") / "drift.html"
    return write_drift_report(path, gate, current, EVIDENCE, now=NOW)


def written(tmp_path, gate, current, **more):
    """Return the page around evidently's document."""
    path = write_drift_report(tmp_path / "d.html", gate, current, **more)
    return re.sub(r'srcdoc="[^"]*"', "", path.read_text("utf-8"))


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
    assert "10 of 40 audits wrong: 25.0 %" in ours
    assert "By a classifier (descriptive)" in ours
    assert "AUC 0." in ours
    assert 'class="strip"' in ours
    assert "log evidence: whole_case: accept_score" in inside
    assert "audited risk: accepted error, all: lower end" in inside
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
    quiet = MonitorEvidence(streams=(StreamEvidence("accept_score", -0.7, 3.0, False),))
    text = written(tmp_path, gate, current.drop(columns="site"), evidence=quiet)
    assert "No alarm. The evidence of 1 streams stays below its alarm level" in text
    assert "unknown" in text


def test_cases_that_could_not_be_judged_do_not_break_the_report(gate, current, tmp_path):
    empty = current.assign(
        accept_score=-np.inf,
        predicted_dice=np.nan,
        feature_pairwise_dice=np.nan,
        feature_volume_ml=0.0,
    )
    text = written(tmp_path, gate, empty)
    assert "no finite value in the recent cases" in text
    assert "No monitor has reported yet" in text


def test_bad_columns_are_named_and_the_rest_is_compared(gate, current, tmp_path):
    anterior = current["structure"] == "anterior"
    volume = current["feature_volume_ml"].mask(anterior, np.nan)
    bad = current.assign(
        feature_volume_ml=volume.mask(current["structure"] == "posterior", np.inf),
        feature_pairwise_dice=current["feature_pairwise_dice"].mask(anterior, 0.5),
        feature_new=current["feature_volume_ml"],
    )
    text = written(tmp_path, gate, bad)
    left_out = text[text.index("Columns not compared") :]
    for column, why in (
        ("anterior: volume_ml", "no finite value in the recent cases"),
        ("posterior: volume_ml", "no finite value in the recent cases"),
        ("anterior: pairwise_dice", "constant: 0.5 in the recent cases"),
        ("anterior: new", "missing in the calibration cases"),
    ):
        assert re.search(f"{column}</span></td><td[^>]*><span>{why}<", left_out)
    assert "posterior: pairwise_dice" not in left_out
    assert "AUC" in text
    assert "evidently drift report" in text


def test_missing_columns_and_some_infinite_values_do_no_harm(gate, current, tmp_path):
    some = current["feature_pairwise_dice"].mask(current["case_id"] < "c5030", -np.inf)
    bad = current.assign(feature_pairwise_dice=some).drop(columns="feature_volume_ml")
    text = written(tmp_path, gate, bad)
    left_out = text[text.index("Columns not compared") :]
    assert "anterior: volume_ml" in left_out
    assert "missing in the recent cases" in left_out
    assert "pairwise_dice" not in left_out
    assert "AUC" in text


@pytest.mark.parametrize("cases", [0, 1])
def test_no_case_and_a_single_case_are_told_in_words(gate, current, tmp_path, cases):
    few = current[current["case_id"].isin(current["case_id"].unique()[:cases])]
    text = written(tmp_path, gate, few, evidence=EVIDENCE)
    assert f"{cases} recent cases are shown" in text
    assert "Not fitted: it needs 40 calibration patients and 40 recent ones" in text
    assert ("constant" if cases else "missing in the recent cases") in text
    assert ("There is no recent case to compare." in text) == (cases == 0)
    assert "evidently drift report" in text  # the figures of the monitors


def test_sites_never_seen_and_sites_of_one_case_keep_their_case(
    gate, current, tmp_path, monkeypatch
):
    monkeypatch.setattr(drift_report, "MOST_CASES", 20)
    rare = current.assign(site=current["site"].mask(current["case_id"] == "c5003", "RARE"))
    kept = []
    sample = drift_report.site_sample

    def seen(sites, most):
        kept.append(sites[sample(sites, most)])
        return kept[0].index

    monkeypatch.setattr(drift_report, "site_sample", seen)
    text = written(tmp_path, gate, rare)
    assert kept[0].value_counts().to_dict() == {"A": 10, "NEW": 9, "RARE": 1}
    assert "a sample of 20 of 100 recent cases, drawn by site in proportion" in text
    assert re.search("RARE<(?:(?!<tr>).)*new: not calibrated", text)


def test_further_cases_of_a_patient_do_not_teach_the_classifier(gate, current, tmp_path):
    repeats = current.assign(repeat=current["case_id"] >= "c5050")
    assert "25 recent patients from 60 calibration patients" in written(tmp_path, gate, repeats)
    assert "50 recent patients from 60 calibration patients" in written(tmp_path, gate, current)


def test_the_same_run_stands_in_a_workspace(gate, current, tmp_path):
    path = tmp_path / "workspace"
    write_drift_report(tmp_path / "d.html", gate, current, EVIDENCE, NOW, workspace=path)
    (stored,) = path.rglob("snapshots/*.json")
    told = json.loads(stored.read_text())
    assert told["tags"] == [f"calibration {gate.id[:12]}", "site A", "site NEW"]
    assert told["timestamp"].startswith("2026-01-02")
    assert not re.search(r"\bc50\d\d\b", stored.read_text().replace("c5017", ""))


def test_gate_without_calibration_cases_has_nothing_to_compare_with(tiny_gate, current, tmp_path):
    text = written(tmp_path, tiny_gate, current)
    assert "There was nothing to compare." in text
    assert "there are 0 and 100" in text


def test_rows_without_accept_score_are_refused(gate, current, tmp_path):
    with pytest.raises(InputError, match="accept_score"):
        write_drift_report(tmp_path / "d.html", gate, current.drop(columns="accept_score"))
