"""How many labelled patients an accept promise needs, as a labelled pilot shows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.calibrators.accept_grid import accept_grid
from segqc_conformal.calibrators.checks import check_open_unit
from segqc_conformal.calibrators.planning import (
    CHANCE,
    LARGEST_STUDY,
    accepted_and_bad,
    calibration_size,
    certification_chance,
)
from segqc_conformal.errors import InputError

__all__ = ["PilotPlan", "cheapest_threshold", "sizes_from_pilot"]

TRIED = 25  # thresholds


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
    accepted_share, error : float or None
        At the threshold that needs the fewest patients; None where no number would do.
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
    accepted_share: float | None
    error: float | None
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
    from segqc_conformal.calibration_rows import labelled_rows, one_case_each
    from segqc_conformal.patients import split_patients
    from segqc_conformal.quality.predictor import fit_quality
    from segqc_conformal.scoring import empty_prediction, with_scores

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
    needed, share, error = cheapest_threshold(scores, bad, tolerated_error, confidence)
    return PilotPlan(structure, len(rows), left, float(bad.mean()), share, error, needed)


def cheapest_threshold(
    scores: NDArray[np.float64],
    bad: NDArray[np.bool_],
    tolerated_error: float,
    confidence: float,
) -> tuple[int | None, float | None, float | None]:
    """Return the calibration patients that the most promising threshold needs, and its two shares.

    Parameters
    ----------
    scores, bad : ndarray, shape (patients,)
        Out-of-fold accept scores, and whether Dice is at or below the threshold.
    tolerated_error, confidence : float
        alpha and 1 - delta of the accept promise, in (0, 1).

    Returns
    -------
    (patients, accepted_share, error)
        For an 80 % chance; half a bad patient more than seen is assumed. All None where no number
        would do.

    Notes
    -----
    Guarantee: none; a planning figure.

    Examples
    --------
    >>> score = np.linspace(0, 1, 80)
    >>> cheapest_threshold(score, score < 0.3, 0.1, 0.9)[0]
    51
    """
    # thresholds from the strictest, which only the largest study would start at, to the loosest
    grid = accept_grid(scores, LARGEST_STUDY, tolerated_error, confidence, size=TRIED)
    accepted, wrong = accepted_and_bad(scores, bad, grid)
    shares, errors = accepted / scores.size, (wrong + 0.5) / (accepted + 1)
    best: tuple[int | None, float | None, float | None] = (None, None, None)
    # the most promising first, so that most of the others are ruled out by one look
    for step in np.argsort((errors - tolerated_error) * shares, kind="stable"):
        share, error = float(shares[step]), float(errors[step])
        promise = (share, error, tolerated_error, confidence)
        if best[0] is None or certification_chance(best[0] - 1, *promise) >= CHANCE:
            needed = calibration_size(*promise)
            if needed is not None and (best[0] is None or needed < best[0]):
                best = (needed, share, error)
    return best
