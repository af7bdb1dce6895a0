"""The demo told: the table at the end of the run, and the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from segqc_conformal.demo.cohort import STRUCTURES
from segqc_conformal.demo.ensemble import demo_predictors
from segqc_conformal.demo.walk import RAISED_RATE, ROUTINE_RATE, DemoResult
from segqc_conformal.judged_model import JudgedModel
from segqc_conformal.reports.calibration_report import write_report
from segqc_conformal.reports.first_looks import cases_to_look_at
from segqc_conformal.reports.picture import Picture
from segqc_conformal.reports.slice_picture import mid_slice
from segqc_conformal.sampling.deep_ensemble import DeepEnsemble
from segqc_conformal.whole_case import WHOLE_CASE

__all__ = ["period_rows", "sentences", "write_demo_report"]

HEAD = ("period", "patients", "interval holds", "mean width", "accepted", "bad of these")


def period_rows(result: DemoResult) -> list[tuple[str, ...]]:
    """Return, for the whole case, one row of words per period; `HEAD` names the columns."""
    rows: list[tuple[str, ...]] = []
    for period, summary in result.summaries().items():
        counts = summary.loc[WHOLE_CASE]
        bad = counts["error_among_accepted"]
        rows.append(
            (
                period,
                f"{counts['patients']:.0f}",
                f"{counts['coverage']:.0%}",
                f"{counts['mean_width']:.2f}",
                f"{counts['share_accepted']:.0%}",
                "-" if pd.isna(bad) else f"{bad:.0%}",
            )
        )
    return rows


def sentences(result: DemoResult) -> list[str]:
    """Tell in plain sentences what happened in the run."""
    first = result.first.certificate
    return [
        f"Calibrated on {first.data['patients_calibration']} patients that fitted nothing "
        f"({first.data['patients_fit']} others did); quality predictor: {first.quality['name']}.",
        first.structures[WHOLE_CASE].accept.promise,
        _noticed(result),
        *_under_alarm(result),
        f"Recalibrated with {result.second.certificate.data['patients_calibration']} fresh "
        f"patients, drawn at random after the alarm: version {result.first.id[:12]} gave way to "
        f"{result.second.id[:12]}.",
        result.second.certificate.structures[WHOLE_CASE].accept.promise,
        *_next_step(result),
    ]


def _next_step(result: DemoResult) -> list[str]:
    if result.second.certificate.structures[WHOLE_CASE].accept.threshold is not None:
        return []
    return [
        "So the new Dice intervals hold again, but a human looks at every mask until the model is "
        "adapted to the new scanner: the gate fails closed."
    ]


def _noticed(result: DemoResult) -> str:
    before, delay = result.patients_before_change, result.patients_until_alarm
    if delay is None:
        return f"The scanner was replaced after patient {before}; it went unnoticed."
    located = result.last_run.segments[0].located
    streams = ", ".join(located[:3]) + (f" and {len(located) - 3} more" if len(located) > 3 else "")
    return (
        f"The scanner was replaced after patient {before}; the change was noticed at patient "
        f"{before + delay}, {delay} patients later (alarm in: {streams})."
    )


def _under_alarm(result: DemoResult) -> list[str]:
    if result.patients_until_alarm is None:
        return []
    found = result.under_alarm.segments[0]
    said = {
        "WATCH": "they did not show the promises to hold, so these stayed suspended",
        "HARM": f"they showed a promise to be broken ({found.standing.reasons[0]}), so every case "
        "was referred from then on",
        "BENIGN": "they showed the promises to hold all the same",
    }
    what = said.get(found.standing.state, "their answers are missing")
    return [
        "From the alarm on, verdicts said that the promises were suspended, and "
        f"{RAISED_RATE:.0%} instead of {ROUTINE_RATE:.0%} of cases were audited: {what}."
    ]


def write_demo_report(result: DemoResult, path: str | Path) -> Path:
    """Write the report of the first calibration, with the story of the run in it."""
    story: list[tuple[str, str | Sequence[Sequence[object]]]] = [
        ("What happened in this run", [HEAD, *period_rows(result)]),
        ("In words", [("step", "what happened"), *enumerate(sentences(result), start=1)]),
    ]
    return write_report(path, result.first, result.before, _pictures(result), story=story)


def _pictures(result: DemoResult) -> dict[str, Picture]:
    threshold = result.first.certificate.settings["dice_threshold"]
    model = JudgedModel(None, DeepEnsemble(demo_predictors()), result.first, STRUCTURES)
    pictures = {}
    for case_id in cases_to_look_at(result.before, threshold)["case_id"].unique():
        verdict = model(result.cases[case_id])
        if verdict.mask is not None:
            entropy = verdict.maps(["predictive_entropy"])["predictive_entropy"]
            pictures[case_id] = mid_slice(result.cases[case_id], verdict.mask, entropy)
    return pictures
