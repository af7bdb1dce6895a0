import re
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.reports.calibration_report import write_report
from segqc_conformal.reports.page import paragraph
from segqc_conformal.reports.picture import Picture

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture(scope="session")
def report(gate, evaluation, tmp_path_factory):
    case = evaluation.sort_values("accept_score")["case_id"].iloc[0]
    square = np.zeros((8, 8), int)
    square[2:5, 2:5] = 1
    shown = Picture(np.eye(8), square, np.eye(8), square)
    story = [
        ("What the demo did", [("step", "result"), ("scanner changed", "case 120")]),
        ("A word", paragraph("told at the end")),
    ]
    path = tmp_path_factory.mktemp("report") / "report.html"
    return write_report(path, gate, evaluation, {case: shown}, story, now=NOW)


def test_promises_stand_in_the_report_word_for_word(report, gate):
    text = report.read_text("utf-8").replace("&lt;", "<")
    for certificate in gate.certificate.structures.values():
        assert certificate.accept.promise in text
        assert certificate.interval.promise in text


def test_report_tells_counts_that_were_counted_by_hand(report, gate, evaluation):
    whole = evaluation[evaluation["structure"] == "whole_case"]
    parts = evaluation[evaluation["structure"] != "whole_case"]
    worst = parts.groupby("case_id")["dice"].min()
    accepted = whole[whole["accept"]]
    bad = int((accepted["case_id"].map(worst) <= 0.8).sum())
    assert f"{bad} of {len(accepted)}" in report.read_text("utf-8")


def test_page_needs_nothing_but_itself(report):
    text = report.read_text("utf-8")
    assert not re.findall(r"""<(?:script|img|iframe|link)[^>]+(?:src|href)=["']?https?:""", text)
    assert "default-src 'none'" in text
    assert text.count("plotly.js v") == 1


def test_one_gate_and_time_give_one_report_byte_for_byte(gate, evaluation, tmp_path):
    one, two = (write_report(tmp_path / name, gate, evaluation, now=NOW) for name in "ab")
    assert one.read_bytes() == two.read_bytes()


def test_chromium_draws_the_plots_and_shows_the_text(report, chromium):
    dom = chromium(report, 1200)
    panels = dom.count('class="js-plotly-plot"') + dom.count(' js-plotly-plot"')
    assert panels == 6
    assert dom.count("<svg") >= 6
    for words in (
        "In short",
        "What is promised",
        "not a medical device",
        "Coverage and width",
        "By site",
        "scanner changed",
        "told at the end",
        "lowest accept score",
        "data:image/png;base64",
        "expected dice in [0, 1]; received 1.7",
        "2026-01-02 03:04 UTC",
    ):
        assert words.lower() in dom.lower(), words


def test_page_does_not_scroll_sideways_on_a_narrow_window(report, scroll_width):
    assert scroll_width(report, 400) <= 400


def test_without_evaluation_cases_the_report_says_that_coverage_is_by_construction(gate, tmp_path):
    text = write_report(tmp_path / "r.html", gate, now=NOW).read_text("utf-8")
    assert "calibration cases themselves" in text
    assert "by construction" in text


def test_useless_signal_reads_as_uninformative(uninformed_gate, tmp_path):
    text = write_report(tmp_path / "r.html", uninformed_gate, now=NOW).read_text("utf-8")
    assert "Uninformative: on " in text
    assert "Cannot certify" in text


def test_gate_that_nobody_calibrated_says_so(tiny_gate, tmp_path):
    text = write_report(tmp_path / "r.html", tiny_gate, now=NOW).read_text("utf-8")
    assert "No labelled patient could calibrate" in text
    assert "Too few calibration patients (0) for an interval at 90%: every interval is" in text


def test_verdicts_of_another_gate_are_refused(gate, tiny_gate, evaluation, tmp_path):
    with pytest.raises(InputError, match="verdicts of version"):
        write_report(tmp_path / "r.html", tiny_gate, evaluation)


def test_evaluation_without_dice_is_refused(gate, evaluation, tmp_path):
    with pytest.raises(InputError, match="dice"):
        write_report(tmp_path / "r.html", gate, evaluation.drop(columns="dice"))


def test_names_with_markup_are_shown_as_text(gate, evaluation, tmp_path):
    hostile = evaluation.assign(
        case_id=evaluation["case_id"] + "<script>alert(1)</script>",
        site=pd.Series("<img src=x>", index=evaluation.index),
    )
    text = write_report(tmp_path / "r.html", gate, hostile, now=NOW).read_text("utf-8")
    assert "<script>alert" not in text
    assert "<img src=x>" not in text
