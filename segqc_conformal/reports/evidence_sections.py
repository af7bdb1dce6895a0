"""The evidence behind a gate: plots, coverage, risk against coverage, and the tests made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segqc_conformal.calibrators.accept_certificate import AcceptCertificate
from segqc_conformal.calibrators.cross_certificate import CrossConformalCertificate
from segqc_conformal.calibrators.interval_certificate import IntervalCertificate
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.reports.coverage import coverage_table, expected_range
from segqc_conformal.reports.page import Section, figure, folded, number, paragraph, percent, table
from segqc_conformal.reports.plots import predicted_against_true, risk_against_coverage
from segqc_conformal.reports.promise_sections import display_name
from segqc_conformal.reports.shown_cases import ShownCases, structures_in_order

__all__ = ["accept_sequence", "coverage", "predictions", "risk"]

NOTHING = "There are no labelled cases to show."


def predictions(gate: CalibratedGate, cases: ShownCases) -> Section:
    """Plot predicted against true Dice, a panel per structure."""
    threshold = gate.certificate.settings["dice_threshold"]
    panels = []
    for name in structures_in_order(gate):
        rows = cases.of(name)
        if rows["predicted_dice"].notna().any():
            plot = predicted_against_true(rows, threshold)
            hidden = int(rows["predicted_dice"].isna().sum())
            panels.append(figure(plot, display_name(name), _counted(len(rows), hidden)))
    text = paragraph(
        "Each point is a patient; the thin line is the interval in which the true Dice is "
        f"expected. The dashed line is Dice {threshold:g}: a mask at or below it is bad. Point at "
        "a patient to see its number."
    )
    body = f'<div class="grid">{"".join(panels)}</div>' if panels else paragraph(NOTHING)
    return Section("Predicted against true Dice", text + body)


def _counted(cases: int, hidden: int) -> str:
    without = f", {hidden} of them not shown because nothing was predicted" if hidden else ""
    return f"{cases} patients{without}."


def coverage(gate: CalibratedGate, cases: ShownCases) -> Section:
    """Tabulate coverage and mean width per structure and site."""
    counted = coverage_table(cases.rows)
    if counted.empty:
        return Section("Coverage and width", paragraph(NOTHING))
    order = structures_in_order(gate)
    overall, sites = [], []
    for entry in counted.to_dict("records"):
        certificate = gate.certificate.structures[entry["structure"]].interval
        line = (
            display_name(entry["structure"]),
            entry["site"],
            int(entry["cases"]),
            percent(entry["coverage"], 1),
            number(entry["width"]),
        )
        if entry["site"] == "all":
            expected = "by construction"
            if cases.evaluated:
                expected = _by_chance(certificate, int(entry["cases"]))
            overall.append((order.index(entry["structure"]), (*line[:1], *line[2:], expected)))
        else:
            span = f"{percent(entry['low'])} to {percent(entry['high'])}"
            sites.append((order.index(entry["structure"]), (*line, span)))
    settings = gate.certificate.settings
    aim = paragraph(
        f"The interval should hold the true Dice in at least {percent(1 - settings['miscoverage'])}"
        " of patients. Patients whose predicted structure is empty are not counted: their interval "
        "is [0, 1]. " + cases.source
    )
    head = ("structure", "patients", "coverage", "mean width", "expected by chance (95 %)")
    body = table(head, [line for _, line in sorted(overall, key=lambda pair: pair[0])])
    if cases.evaluated:
        body += paragraph(
            "Expected by chance: where the share of hits of a sound calibration of this size falls "
            "in 95 of 100 evaluations of this size (beta-binomial).",
            "note",
        )
    return Section(
        "Coverage and width", aim + body + _site_table(sites, settings["groups"] == "site")
    )


def _by_chance(certificate: IntervalCertificate | CrossConformalCertificate, cases: int) -> str:
    if isinstance(certificate, CrossConformalCertificate):
        return "not known"
    band = expected_range(certificate, cases)
    if band is not None:
        return f"{percent(band[0], 1)} to {percent(band[1], 1)}"
    alike = certificate.groups is None and certificate.weighted is None
    return "always" if alike else "not known"


def _site_table(sites: Sequence[tuple[int, tuple[object, ...]]], promised: bool) -> str:
    if not sites:
        return ""
    head = ("structure", "site", "patients", "coverage", "mean width", "95 % interval (exact)")
    rows = [line for _, line in sorted(sites, key=lambda pair: pair[0])]
    promise = "Nothing is promised for a single site."
    if promised:
        promise = "Each site that was calibrated by itself has promises of its own."
    return (
        "<h3>By site</h3>"
        + table(head, rows)
        + paragraph(
            f"{promise} The interval is Clopper-Pearson's for that site alone; with many sites "
            "some miss the aim by chance.",
            "note",
        )
    )


def risk(gate: CalibratedGate, cases: ShownCases) -> Section:
    """Plot the share of bad cases among the accepted over the share accepted."""
    panels = []
    for name in structures_in_order(gate):
        rows = cases.of(name)
        if len(rows):
            entry = gate.certificate.structures[name]
            plot = risk_against_coverage(rows, gate.certificate.settings, entry.threshold)
            certified = _certified(entry.accept.by_group)
            panels.append(figure(plot, display_name(name), certified))
    text = paragraph(
        "From left to right more and more cases are accepted, the most trusted first. The curve is "
        "the share of bad masks among them; the red line is the share tolerated. A certified "
        "threshold usually lies well left of where the two meet, because the promise must survive "
        "the luck of the draw."
    )
    honest = "" if cases.evaluated else paragraph(cases.source, "note")
    body = f'<div class="grid">{"".join(panels)}</div>' if panels else paragraph(NOTHING)
    return Section("Risk against share accepted", text + honest + body)


def _certified(by_group: Mapping[str, AcceptCertificate]) -> str:
    found = {name: entry.threshold for name, entry in by_group.items() if entry.certified}
    if not found:
        return "Nothing could be certified, so no threshold is marked."
    scores = [
        f"≥ {number(threshold)}" + ("" if name == "all" else f" ({name})")
        for name, threshold in found.items()
    ]
    return f"Certified: accept score {', '.join(scores)}."


def accept_sequence(gate: CalibratedGate) -> Section:
    """Tabulate the thresholds that were tested, in order."""
    parts = [
        _tested(display_name(name) + ("" if group == "all" else f", {group}"), entry)
        for name in structures_in_order(gate)
        for group, entry in gate.certificate.structures[name].accept.by_group.items()
    ]
    text = paragraph(
        "Thresholds were fixed before any calibration label was seen and are tested from strict to "
        "loose. p is the chance to see so few bad cases if the true error were the tolerated one; "
        "the last threshold that passes is certified."
    )
    return Section("How the threshold was certified", text + "".join(parts))


def _tested(name: str, entry: AcceptCertificate) -> str:
    rows = [
        (
            step,
            number(test.threshold),
            test.accepted,
            test.bad,
            f"{test.p_value:.3g}",
            "passed" if test.p_value <= entry.delta_spent else "failed: the sequence ends",
        )
        for step, test in enumerate(entry.tests, start=1)
    ]
    head = ("step", "threshold", "accepted", "bad", "p", f"p ≤ {entry.delta_spent:.2g}")
    body = (
        table(head, rows)
        if rows
        else paragraph(
            "No threshold could be tested: there were no calibration patients, or no finite "
            "accept scores."
        )
    )
    return folded(f"{name}: {len(rows)} of at most {len(entry.grid)} thresholds tested", body)
