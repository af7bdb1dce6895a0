"""The numbers of a plan, a section each: patients, looks, coverage, shift."""

from __future__ import annotations

from segqc_conformal.pilot_plan import PilotPlan
from segqc_conformal.planning_words import patients_in_words, per_cent
from segqc_conformal.reports.page import Section, figure, paragraph, percent, table
from segqc_conformal.reports.plan_plots import coverage_by_patients, error_by_shift, sizes_by_share
from segqc_conformal.reports.promise_sections import display_name
from segqc_conformal.study_plan import LOOKS, StudyPlan

__all__ = ["coverage", "looks", "needs", "pilot_sizes", "shifts", "sizes"]

SHOWN = (10, 20, 30, 50, 100, 200, 500, 1000)


def needs(plan: StudyPlan) -> Section:
    """Tabulate the fewest calibration patients for each promise."""
    rows = [
        (
            need.promise[:1].upper() + need.promise[1:],
            patients_in_words(need.fewest) + (" accepted" if need.of_accepted else ""),
            patients_in_words(need.likely),
        )
        for need in plan.needs
    ]
    head = ("promise", "fewest calibration patients", "for an 80 % chance")
    bad = [
        (_count_of_bad(count), patients_in_words(patients))
        for count, patients in enumerate(plan.accepted)
    ]
    text = paragraph(
        "With fewer calibration patients a promise cannot be made at all: intervals are [0, 1], "
        "nothing is accepted, every voxel is marked. The last column assumes that "
        f"{per_cent(plan.accepted_share)} of patients are accepted and "
        f"{per_cent(plan.error_among_accepted)} of these are bad."
    )
    note = paragraph(
        "The first three are what the gate promises; the others are calibrated from Python. "
        "Margins around masks, and intervals over all slices of a patient, need as many patients "
        "as the interval; a threshold that bounds false voxels at least as many as one that bounds "
        "missed ones. Cross-conformal is what the gate does with 20 to 39 labelled patients in "
        "all; everything else needs as many again to fit. Bad ones among the accepted ask for "
        "more of them:",
        "note",
    )
    tables = table(head, rows) + note + table(("bad among the accepted", "accepted patients"), bad)
    return Section("Fewest patients for each promise", text + tables)


def _count_of_bad(count: int) -> str:
    return str(count) if count else "none"


def sizes(plan: StudyPlan) -> Section:
    """Plot and tabulate patients for an 80 % chance, by shares accepted and bad."""
    shares = list(dict.fromkeys(size.accepted_share for size in plan.sizes))
    errors = list(dict.fromkeys(size.error for size in plan.sizes))
    found = {(size.accepted_share, size.error): size.patients for size in plan.sizes}
    rows = [
        (per_cent(share), *(patients_in_words(found[share, error]) for error in errors))
        for share in shares
    ]
    head = ("accepted", *(f"{per_cent(error)} bad" for error in errors))
    text = paragraph(
        f"Calibration patients for an 80 % chance to certify “at most "
        f"{per_cent(plan.tolerated_error)} bad among the accepted”. Two things decide: how many "
        "patients the threshold accepts, and how many of these are bad in truth. The nearer the "
        "true share comes to the tolerated one, the more patients it takes to tell them apart."
    )
    drawn = figure(
        sizes_by_share(plan),
        "Patients by share accepted",
        "One line per true share of bad masks among the accepted; the scale of patients is "
        "logarithmic. A line ends where 4,096 patients would not do.",
    )
    return Section("Patients for an 80 % chance to certify", text + drawn + table(head, rows))


def pilot_sizes(pilot: tuple[PilotPlan, ...], dice_threshold: float) -> Section:
    """Tabulate what a pilot says about each structure."""
    rows = [
        (
            display_name(row.structure),
            percent(row.bad_share),
            "–" if row.accepted_share is None else percent(row.accepted_share),
            "–" if row.error is None else percent(row.error, 1),
            patients_in_words(row.patients_needed),
        )
        for row in pilot
    ]
    head = ("structure", f"Dice ≤ {dice_threshold:g}", "accepted", "bad among these", "patients")
    text = paragraph(
        f"Estimated from the {pilot[0].patients_seen} fit patients of the pilot, at the threshold "
        f"that needs the fewest; the labels of its other {pilot[0].patients_left} patients were "
        "not read, so these can still calibrate. Half a bad patient more than seen is assumed: a "
        "small pilot can therefore show nothing."
    )
    return Section("What the pilot says", text + table(head, rows))


def looks(plan: StudyPlan) -> Section:
    """Tabulate what further looks at the labels cost."""
    rows = [
        (per_cent(one.error), *map(patients_in_words, (one.one_look, *one.many_looks)))
        for one in plan.looks
    ]
    head = ("bad among the accepted", "one look", *(f"many, look {look}" for look in LOOKS))
    text = paragraph(
        "Calibrating, seeing that nothing can be certified, and calibrating again with more "
        "patients is a second look, and looks must share the allowed chance of error. One look "
        "spends all of it: a later calibration needs fresh patients only. With many looks, "
        "declared beforehand, earlier patients count again, but each look asks for more."
    )
    note = paragraph(
        f"Calibration patients for an 80 % chance at that look, if {per_cent(plan.accepted_share)} "
        "of patients are accepted.",
        "note",
    )
    return Section("One look or many", text + table(head, rows) + note)


def coverage(plan: StudyPlan) -> Section:
    """Plot and tabulate how far the coverage of one calibration can stray."""
    spreads = {spread.patients: spread for spread in plan.coverage}
    sure = {spread.patients: spread for spread in plan.pac_coverage}
    rows = []
    for patients in (n for n in SHOWN if n in spreads):
        spread, pac = spreads[patients], sure.get(patients)
        rows.append(
            (
                patients,
                percent(spread.mean, 1),
                f"{percent(spread.low, 1)} to {percent(spread.high, 1)}",
                "[0, 1] only" if pac is None else percent(pac.mean, 1),
            )
        )
    head = (
        "calibration patients",
        "level used",
        "coverage of one calibration",
        f"level with {per_cent(plan.confidence)} confidence",
    )
    drawn = figure(
        coverage_by_patients(plan),
        "Coverage of one calibration",
        "Band: where the coverage of 90 of 100 calibrations lies. Dashed: the promise. Few "
        "patients scatter widely and ask for a more extreme quantile, that is a wider interval.",
    )
    text = paragraph(
        "The promise of the marginal interval is kept on average over calibrations; the coverage "
        "of yours lies somewhere in the band. With confidence, calibrations that cover too "
        "little are rare, and the interval is wider. The level is that of the calibration error by "
        f"which the interval is widened: above {per_cent(1 - plan.miscoverage)} it is width paid "
        "for being few."
    )
    shown = table(head, rows) if rows else ""
    return Section("Interval width and number of patients", text + drawn + shown)


def shifts(plan: StudyPlan) -> Section:
    """Plot and tabulate how much shift breaks a promise."""
    rows = [
        (
            "Interval"
            if shift.promise == "interval"
            else f"Accept, {per_cent(shift.accepted_share)} accepted",
            percent(shift.promised, 1),
            percent(shift.limit, 1),
            f"{100 * shift.shift:.1f} of 100 patients",
        )
        for shift in plan.shifts
    ]
    head = ("promise", "failures promised", "limit", "shift that keeps it")
    text = paragraph(
        "The promises hold for patients like those of calibration. Suppose that some new patients "
        "are of a kind that calibration never saw (another scanner, a rare anatomy), and that all "
        "of these go wrong: accepted and bad, or outside their interval. The fewer are accepted "
        "altogether, the more each of them weighs."
    )
    drawn = figure(
        error_by_shift(plan),
        "Worst case by shift",
        "Shift: total variation distance between calibration and new population. No population so "
        "near can do worse, and one does as badly.",
    )
    note = paragraph(
        "The monitors watch for such a shift; a certificate can also have more room than this, "
        "where it saw fewer bad ones than it tolerates.",
        "note",
    )
    return Section("How much shift breaks the promise", text + drawn + table(head, rows) + note)
