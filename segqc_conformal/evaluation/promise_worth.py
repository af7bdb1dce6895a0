"""What the promises made of a quality predictor are worth: width, and the share accepted."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.calibrators.accept import AcceptThreshold
from segqc_conformal.calibrators.accept_grid import accept_grid
from segqc_conformal.calibrators.interval import DiceInterval
from segqc_conformal.evaluation.bootstrap import Estimate, percentile_interval

__all__ = ["PROMISE_NUMBERS", "promise_numbers", "promised_cases"]

TOLERATED = (0.10, 0.20)
CONFIDENCE = 0.9
MISCOVERAGE = 0.1
PROMISE_NUMBERS = {
    "width_90": "width of the 90 % interval",
    "covered_90": "inside the 90 % interval",
    **{
        f"accepted_{100 * a:.0f}": f"accepted at tolerated error {100 * a:.0f} %" for a in TOLERATED
    },
    **{f"error_{100 * a:.0f}": f"bad among these, at {100 * a:.0f} %" for a in TOLERATED},
}


def promised_cases(
    fit: pd.DataFrame, test: pd.DataFrame, first: NDArray[np.bool_], dice_threshold: float
) -> pd.DataFrame:
    """Calibrate on one part of the evaluation cases and judge the other, and the other way round.

    Parameters
    ----------
    fit : DataFrame
        ``dice`` and, out of fold, ``predicted_dice`` and ``scale`` of the fit patients.
    test : DataFrame
        The same of the evaluation patients, one case each, by a predictor that saw none of them.
    first : ndarray of bool, shape (cases,)
        Which evaluation cases are of the first part.
    dice_threshold : float

    Returns
    -------
    DataFrame
        One row per evaluation case: ``width``, ``covered``, ``bad`` and, for each tolerated error,
        ``accepted_10`` and ``accepted_20``.

    Notes
    -----
    Intervals of `DiceInterval` and thresholds of `AcceptThreshold` at confidence 0.9, on a grid
    from the fit patients. Guarantee: theirs, for each of the two calibrations; the average over
    both is a description. A gate calibrates with about twice as many patients, so its intervals
    are narrower and it accepts more.
    """
    scores = [_accept_score(part, dice_threshold) for part in (fit, test)]
    bad = [part["dice"].to_numpy() <= dice_threshold for part in (fit, test)]
    out = pd.DataFrame({"width": 1.0, "covered": True, "bad": bad[1]}, index=range(len(test)))
    names = [f"accepted_{100 * alpha:.0f}" for alpha in TOLERATED]
    out = out.assign(**dict.fromkeys(names, False))
    predicted, dice, scale = test[["predicted_dice", "dice", "scale"]].to_numpy(np.float64).T
    for known, new in ((first, ~first), (~first, first)):
        interval = DiceInterval(MISCOVERAGE).calibrate(predicted[known], dice[known], scale[known])
        low, high = interval.interval(predicted[new], scale[new])
        out.loc[new, "width"] = high - low
        out.loc[new, "covered"] = (low <= dice[new]) & (dice[new] <= high)
        for name, alpha in zip(names, TOLERATED, strict=True):
            grid = accept_grid(scores[0], int(known.sum()), alpha, CONFIDENCE, tuning_bad=bad[0])
            rule = AcceptThreshold(dice_threshold, alpha, CONFIDENCE)
            certificate = rule.calibrate(scores[1][known], dice[known], grid)
            out.loc[new, name] = certificate.accept(scores[1][new])
    return out


def _accept_score(rows: pd.DataFrame, dice_threshold: float) -> NDArray[np.float64]:
    return ((rows["predicted_dice"] - dice_threshold) / rows["scale"]).to_numpy(np.float64)


def promise_numbers(
    cases: pd.DataFrame, counts: NDArray[np.int64], confidence: float = 0.95
) -> dict[str, tuple[Estimate, NDArray[np.float64]]]:
    """Average `promised_cases`: each number with its interval, and its replicates.

    Parameters
    ----------
    cases : DataFrame
        Of `promised_cases`.
    counts : ndarray of int64, shape (replicates, cases)
        Of `patient_counts`.
    confidence : float, in (0, 1)

    Returns
    -------
    dict of str to (Estimate, ndarray of float64, shape (replicates,))
        By the names of `PROMISE_NUMBERS`.

    Notes
    -----
    Guarantee: that of `bootstrap_interval`, with the two calibrations taken as they came out.
    """
    ones, bad = np.ones(len(cases)), cases["bad"].to_numpy(np.float64)
    parts = {
        "width_90": (cases["width"].to_numpy(np.float64), ones),
        "covered_90": (cases["covered"].to_numpy(np.float64), ones),
    }
    for alpha in TOLERATED:
        accepted = cases[f"accepted_{100 * alpha:.0f}"].to_numpy(np.float64)
        parts[f"accepted_{100 * alpha:.0f}"] = (accepted, ones)
        parts[f"error_{100 * alpha:.0f}"] = (accepted * bad, accepted)
    out = {}
    for name, (part, whole) in parts.items():
        drawn = _share(counts @ part, counts @ whole)
        value = float(_share(part.sum(keepdims=True), whole.sum(keepdims=True))[0])
        out[name] = (Estimate(value, *percentile_interval(drawn, confidence)), drawn)
    return out


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    nothing = np.full(part.shape, np.nan)
    return np.asarray(np.divide(part, whole, out=nothing, where=whole > 0.0))
