"""How many labelled patients an accept promise needs, as a labelled pilot shows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from segqc_conformal.calibrators.accept_grid import accept_grid
from segqc_conformal.calibrators.checks import check_open_unit
from segqc_conformal.calibrators.planning import (
    LARGEST_STUDY,
    accepted_and_bad,
    calibration_size,
)
from segqc_conformal.errors import InputError

__all__ = ["PilotPlan", "sizes_from_pilot"]


@dataclass(frozen=True)
class PilotPlan:
    """What a labelled pilot says about one structure.

    Parameters
    ----------
    structure : str
        "whole_case" for the worst structure of a case.
    patients_seen : int
        Fit patients of the pilot, the only ones looked at.
    patients_left : int
        Its calibration patients, whose labels were not looked at.
    bad_share : float
        Share of the patients seen whose Dice is at or below the threshold.
    accepted_share, error : float
        At the threshold that needs the fewest patients; NaN where none would do.
    patients_needed : int or None
        Calibration patients for an 80 % chance of a certificate.

    Notes
    -----
    Guarantee: none; a planning figure.
    """

    structure: str
    patients_seen: int
    patients_left: int
    bad_share: float
    accepted_share: float
    error: float
    patients_needed: int | None


def sizes_from_pilot(
    table: pd.DataFrame,
    dice_threshold: float = 0.8,
    tolerated_error: float = 0.1,
    confidence: float = 0.9,
    seed: int = 0,
) -> list[PilotPlan]:
    """Plan from a labelled feature table instead of assumptions.

    Parameters
    ----------
    table : DataFrame
        A feature table with ``dice``.
    dice_threshold, tolerated_error, confidence, seed
        As in `QualityGate`.

    Returns
    -------
    list of PilotPlan
        One for each structure, the whole case last.

    Raises
    ------
    InputError
        If fewer than 20 labelled patients are usable, or the table is none.

    Notes
    -----
    Only the patients that `QualityGate` would fit on are looked at, by their out-of-fold accept
    scores, so that planning spends no calibration label. Zero errors seen are not zero errors:
    half a bad patient more is assumed.
    Guarantee: none; a planning figure.
    """
    from segqc_conformal.certification import labelled_rows, one_case_each
    from segqc_conformal.gate import empty_prediction, with_scores
    from segqc_conformal.patients import split_patients
    from segqc_conformal.quality.predictor import fit_quality

    check_open_unit(
        dice_threshold=dice_threshold, tolerated_error=tolerated_error, confidence=confidence
    )
    labelled, _ = labelled_rows(table)
    fit_patients, others = split_patients(labelled["patient_id"], seed)
    if len(fit_patients) < 10:
        raise InputError(
            "at least 20 labelled patients to plan from",
            len(fit_patients) + len(others),
            "give --accepted-share and --error-among-accepted instead",
        )
    fit = labelled[labelled["patient_id"].isin(fit_patients)]
    structures = tuple(sorted(labelled["structure"].unique()))
    _, out_of_fold = fit_quality(fit[~empty_prediction(fit)], seed=seed)
    scored = one_case_each(with_scores(fit, out_of_fold, structures, dice_threshold), seed)
    return [
        _pilot_plan(str(name), rows, len(others), dice_threshold, tolerated_error, confidence)
        for name, rows in scored.groupby("structure", sort=False)
    ]


def _pilot_plan(
    structure: str,
    rows: pd.DataFrame,
    left: int,
    dice_threshold: float,
    tolerated_error: float,
    confidence: float,
) -> PilotPlan:
    scores = rows["accept_score"].to_numpy(dtype=np.float64)
    bad = rows["dice"].to_numpy() <= dice_threshold
    # thresholds from the strictest, which only the largest study would start at, to the loosest
    grid = accept_grid(scores, LARGEST_STUDY, tolerated_error, confidence)
    counts = zip(*accepted_and_bad(scores, bad, grid), strict=True)
    best: tuple[int, float, float] | None = None
    for accepted, wrong in counts:
        share, error = float(accepted / len(rows)), float((wrong + 0.5) / (accepted + 1))
        size = calibration_size(share, error, tolerated_error, confidence)
        if size is not None and (best is None or size < best[0]):
            best = (size, share, error)
    needed, share, error = best or (None, np.nan, np.nan)
    return PilotPlan(structure, len(rows), left, float(bad.mean()), share, error, needed)
