"""What a gate promises, and what it does not, in words for a clinician."""

from __future__ import annotations

from html import escape
from itertools import zip_longest

import pandas as pd

from segqc_conformal.calibrators.accept_certificate import AcceptCertificate
from segqc_conformal.calibrators.accept_groups import GroupedAcceptCertificate
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.reports.page import Section, notice, number, paragraph, percent, table
from segqc_conformal.reports.promise_rows import PromiseRow, promise_rows
from segqc_conformal.reports.shown_cases import ShownCases, structures_in_order
from segqc_conformal.whole_case import WHOLE_CASE

__all__ = ["display_name", "key_numbers", "limits", "promises"]


def display_name(structure: str) -> str:
    """Return a structure's name as a person reads it.

    Examples
    --------
    >>> display_name("whole_case"), display_name("anterior")
    ('Whole case', 'anterior')
    """
    return "Whole case" if structure == WHOLE_CASE else structure.replace(":", " ")


def promises(gate: CalibratedGate) -> Section:
    """Return each certificate's promises word for word."""
    parts = []
    for name in structures_in_order(gate):
        entry = gate.certificate.structures[name]
        parts.append(
            f"<h3>{escape(display_name(name))}</h3>{paragraph(entry.interval.promise)}"
            f"{_accept_notices(entry.accept)}"
        )
    together = (
        "The accept promises hold all at once."
        if gate.certificate.settings["family"] == "all"
        else "Each promise holds by itself, not all at once."
    )
    whole = paragraph(
        "Only the whole-case verdict says that a case may pass: accepting its structures one by "
        f"one carries no promise for the case. {together}",
        "note",
    )
    return Section("What is promised", "".join(parts) + whole)


def _accept_notices(accept: AcceptCertificate | GroupedAcceptCertificate) -> str:
    """Return a box for each line of the promise; those of certificates come first, in order."""
    kinds = ["good" if one.certified else "caution" for one in accept.by_group.values()]
    lines = zip_longest(accept.promise.splitlines(), kinds, fillvalue="")
    return "".join(notice(line, kind) if kind else paragraph(line) for line, kind in lines)


def limits(gate: CalibratedGate) -> Section:
    """State intended use and limits."""
    settings = gate.certificate.settings
    identity = gate.certificate.identity
    judged = (
        "the mask the hospital releases"
        if identity["judged"] == "deployed"
        else "the mask fused from the model's samples"
    )
    use = paragraph(
        f"Intended use: to decide which masks of model {identity['model_id'][:24]} a person must "
        f"look at. What is judged is {judged}. Research software, not a medical device: it does "
        "not replace clinical judgement."
    )
    groups = (
        "and not of a group (a site, a scanner, a disease) on its own."
        if settings["groups"] is None
        else f"and of each {settings['groups']} that was calibrated, not of any other group."
    )
    points = (
        f"The promises speak of the average over patients, not of a single case, {groups}",
        "The interval's promise is averaged over accepted and referred cases; among accepted cases "
        "alone it may hit less often.",
        "They hold while new patients resemble the calibration patients: same population, "
        "scanners, model and post-processing. After a change they are void until recalibrated; "
        "the monitors watch for that.",
        "The accepted cases of one batch or quarter can hold more bad masks than tolerated; the "
        "bound is on the long run.",
        "Referred to a human are cases below the certified threshold, cases whose predicted mask "
        "is empty, cases of a structure that was not calibrated, cases that could not be read or "
        "judged, and every case where nothing can be certified.",
        f"“Bad” means Dice ≤ {settings['dice_threshold']:g} against the reference mask. Dice is "
        "not clinical harm: small structures lose Dice quickly, large ones hide local errors.",
    )
    items = "".join(f"<li>{escape(point)}</li>" for point in points)
    return Section("Intended use and limits", f"{use}<ul>{items}</ul>")


def key_numbers(gate: CalibratedGate, cases: ShownCases) -> Section:
    """Return the numbers of each certificate in one table."""
    whose = "evaluation" if cases.evaluated else "calibration"
    groups = gate.certificate.settings["groups"]
    bad_at = gate.certificate.settings["dice_threshold"]
    rows = []
    for name in structures_in_order(gate):
        for row in promise_rows(gate, name):
            label = () if groups is None else (row.group_in_words,)
            of_group = _of_group(row, cases.of(name), groups)
            rows.append((display_name(name), *label, *_key_numbers_of(row, of_group, bad_at)))
    head = (
        "structure",
        *([] if groups is None else [groups]),
        "calibration patients",
        "quantile (in scales)",
        "mean width",
        "accept-score threshold",
        "share accepted",
        "bad among accepted",
        "P(certify)",
        "fresh patients needed",
        "empty predictions",
    )
    explain = paragraph(
        f"Width, share accepted and bad among accepted are counted on the {whose} patients. "
        "P(certify) is the chance, estimated on the fit patients beforehand, that a calibration of "
        "this size certifies anything: a certificate that was unlikely is more often a wrong one. "
        "The accept score is how far the predicted Dice lies above the Dice threshold, in units of "
        "its expected error.",
        "note",
    )
    return Section("Key numbers", table(head, rows) + explain)


def _of_group(row: PromiseRow, shown: pd.DataFrame, groups: str | None) -> pd.DataFrame:
    if row.members is None:
        return shown
    if groups not in shown:  # verdicts of evaluation cases need not carry it
        return shown.iloc[:0]
    return shown[shown[groups].astype(str).isin(row.members)]


def _key_numbers_of(
    row: PromiseRow, shown: pd.DataFrame, dice_threshold: float
) -> tuple[object, ...]:
    accepted = shown[shown["accept"]]
    bad = int((accepted["dice"] <= dice_threshold).sum())
    return (
        row.patients,
        row.quantile_in_words,
        number((shown["dice_high"] - shown["dice_low"]).mean()),
        row.threshold_in_words,
        percent(shown["accept"].mean()),
        f"{bad} of {len(accepted)}",
        row.chance_in_words,
        row.needed_in_words,
        row.patients_empty,
    )
