"""The page of `segqc plan`: how many labelled patients for which promise, with plots."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from segqc_conformal.planning_words import patients_in_words, per_cent
from segqc_conformal.reports.page import Section, notice, paragraph, write_numbers, write_page
from segqc_conformal.reports.plan_sections import (
    coverage,
    looks,
    needs,
    pilot_sizes,
    shifts,
    sizes,
)
from segqc_conformal.study_plan import StudyPlan

__all__ = ["write_plan"]


def write_plan(
    path: str | Path, plan: StudyPlan, dice_threshold: float = 0.8, now: datetime | None = None
) -> tuple[Path, Path]:
    """Write a plan as one self-contained page, and the same numbers as JSON beside it.

    Parameters
    ----------
    path : str or Path
        The page, ``.html``; the numbers get its name with ``.json``. Both are replaced at once.
    plan : StudyPlan
    dice_threshold : float
        Of the pilot.
    now : datetime, optional
        Printed at the foot; None: the time of the call.

    Returns
    -------
    (page, numbers) : tuple of Path

    Raises
    ------
    FileFormatError
        For another suffix.

    Notes
    -----
    Guarantee: none; planning figures.
    """
    sections = [
        _in_short(plan),
        needs(plan),
        sizes(plan),
        *([pilot_sizes(plan.pilot, dice_threshold)] if plan.pilot else []),
        looks(plan),
        coverage(plan),
        shifts(plan),
        _assumed(),
    ]
    subtitle = (
        f"At most {per_cent(plan.tolerated_error)} bad among the accepted, with "
        f"{per_cent(plan.confidence)} confidence; intervals that miss at most "
        f"{per_cent(plan.miscoverage)}"
    )
    numbers = write_numbers(path, plan.to_json())
    return write_page(path, "How many labelled patients?", subtitle, sections, now), numbers


def _in_short(plan: StudyPlan) -> Section:
    accept = next(need for need in plan.needs if need.of_accepted)
    assumed = (
        f"If {per_cent(plan.accepted_share)} of patients are accepted and "
        f"{per_cent(plan.error_among_accepted)} of these are bad"
    )
    if accept.likely is None:
        text = f"{assumed}, no number of patients gives an 80 % chance of an accept promise."
        return Section("In short", notice(text, "caution"))
    text = (
        f"{assumed}, {accept.likely} calibration patients give an 80 % chance of an accept "
        f"promise. As many again fit the quality predictor: plan for {2 * accept.likely} labelled "
        f"patients. With fewer than {patients_in_words(accept.fewest)} accepted ones nothing can "
        "be accepted."
    )
    return Section("In short", notice(text, "plain"))


def _assumed() -> Section:
    text = (
        "All numbers are calibration patients, one case each. As many again fit the quality "
        "predictor: plan for twice as many labelled patients. The accept numbers hold for one "
        "threshold, fixed beforehand; shares accepted and bad are assumptions, and a pilot "
        "(segqc plan --features) replaces them by estimates."
    )
    return Section("What these numbers assume", paragraph(text))
