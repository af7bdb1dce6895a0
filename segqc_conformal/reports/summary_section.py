"""The first section of the report: what this gate can do, in a few sentences."""

from __future__ import annotations

import pandas as pd

from segqc_conformal.calibrators.cross_certificate import CrossConformalCertificate
from segqc_conformal.certificate import StructureCertificate
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.reports.page import Section, notice, number, paragraph, percent
from segqc_conformal.reports.promise_rows import promise_rows
from segqc_conformal.reports.shown_cases import ShownCases, structures_in_order

__all__ = ["summary"]


def summary(gate: CalibratedGate, cases: ShownCases) -> Section:
    """Say in a few sentences what this gate can do."""
    settings = gate.certificate.settings
    name = structures_in_order(gate)[0]
    certificate = gate.certificate.structures[name]
    rows = cases.of(name)
    whose = "evaluation" if cases.evaluated else "calibration"
    if not certificate.accept.certified:
        decision = notice(certificate.accept.promise, "caution")
    else:
        accepted = rows[rows["accept"]]
        bad = int((accepted["dice"] <= settings["dice_threshold"]).sum())
        decision = notice(
            f"Masks can pass without a human where the gate accepts them. Of {len(rows)} {whose} "
            f"patients it accepts {len(accepted)} ({percent(rows['accept'].mean())}); of "
            f"these, {bad} with Dice ≤ {settings['dice_threshold']:g}. All others are referred.",
            "good",
        )
    refused = [row.group_in_words for row in promise_rows(gate, name) if not row.certified]
    if settings["groups"] is not None and refused and certificate.accept.certified:
        decision += notice(
            f"By {settings['groups']}, nothing can be accepted in: {', '.join(refused)}.", "caution"
        )
    text = paragraph(cases.source, "note") if len(rows) else ""
    return Section("In short", decision + _width_and_signal(gate, certificate, rows) + text)


def _width_and_signal(
    gate: CalibratedGate, certificate: StructureCertificate, rows: pd.DataFrame
) -> str:
    aim = percent(1 - gate.certificate.settings["miscoverage"])
    if rows.empty:
        nobody = "No labelled patient could calibrate. "
        if isinstance(certificate.interval, CrossConformalCertificate):
            nobody = ""  # all of them did, each under models fitted without it
        return paragraph(f"{nobody}{certificate.interval.promise}")
    width = (rows["dice_high"] - rows["dice_low"]).mean()
    interval = (
        f"Each mask gets a predicted Dice and an interval meant to hold the true Dice in at least "
        f"{aim} of patients; on these patients it is {number(width)} wide on average (0 is "
        "certain, 1 says nothing)."
    )
    found = certificate.usefulness
    if found.informative:
        return paragraph(f"{interval} {found.in_words}")
    return paragraph(interval) + notice(found.in_words, "caution")
