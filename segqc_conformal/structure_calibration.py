"""One structure's scored rows to its certificates: interval, accept threshold, usefulness."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.calibrators.accept import AcceptThreshold
from segqc_conformal.calibrators.accept_grid import accept_grid, start_chances
from segqc_conformal.calibrators.interval import DiceInterval, IntervalCertificate
from segqc_conformal.calibrators.usefulness import usefulness
from segqc_conformal.certificate import StructureCertificate
from segqc_conformal.plan import fewest_accepted
from segqc_conformal.shared_confidence import accept_confidence, accept_level, interval_level

if TYPE_CHECKING:
    from segqc_conformal.quality_gate import QualityGate

__all__ = ["calibrate_structure"]

OTHER = "other"  # what the grid of the small groups is called
FEWEST_TUNING = 20  # patients of a group, below which the grid comes from all groups


def calibrate_structure(
    settings: QualityGate,
    tuning: pd.DataFrame,
    calibration: pd.DataFrame,
    unlabelled: pd.DataFrame | None,
    *,
    structures: int,
    look: int,
    first: bool,
) -> StructureCertificate:
    """Certify one structure, or the whole case.

    Parameters
    ----------
    settings : QualityGate
    tuning : DataFrame
        Scored rows of the fit patients (out-of-fold): grid, its start and P(certify).
    calibration : DataFrame
        Scored rows of the calibration patients, one case each.
    unlabelled : DataFrame, optional
        Scored rows of unlabelled patients of the population to be judged: the grid then comes from
        them.
    structures : int
        How many are certified together, this one, subsets and the whole case among them.
    look : int
        Number of the look at these labels.
    first : bool
        Whether fit and calibration patients are of one population, so that P(certify) is known.

    Returns
    -------
    StructureCertificate

    Notes
    -----
    Guarantee: those of `DiceInterval` and `AcceptThreshold`, if `calibration` fitted, chose and
    tuned nothing.
    """
    known = calibration[calibration["predicted_dice"].notna()]
    empty = calibration["predicted_dice"].isna()
    parts = _parts(settings, tuning, calibration, unlabelled)
    level = accept_level(settings, structures, len(parts), look)
    grids = {name: _grid(settings, part, level) for name, part in parts.items()}
    rule = AcceptThreshold(
        settings.dice_threshold,
        settings.tolerated_error,
        accept_confidence(settings, structures),
        looks=settings.looks,
        look=look,
        family=settings.family,
    )
    scores, dice = calibration["accept_score"], calibration["dice"]
    accept = (
        rule.calibrate(scores, dice, grids["all"])
        if settings.groups is None
        else rule.calibrate(scores, dice, grids, groups=calibration[settings.groups])
    )
    chances = {
        name: _certify_chance(settings, parts[name], grid, level)
        for name, grid in grids.items()
        if first and name != OTHER
    }
    return StructureCertificate(
        interval=_interval(settings, known, structures, look),
        accept=accept,
        certify_chances=chances,
        usefulness=usefulness(known["predicted_dice"], known["dice"], settings.seed),
        patients_empty=int(empty.sum()),
        patients_both_empty=int((empty & (calibration["dice"] == 1.0)).sum()),
    )


class _Part(NamedTuple):
    """The patients that one accept threshold is for, and whose scores make its grid."""

    patients: int
    scores: NDArray[np.float64]
    dice: NDArray[np.float64] | None


def _parts(
    settings: QualityGate,
    tuning: pd.DataFrame,
    calibration: pd.DataFrame,
    unlabelled: pd.DataFrame | None,
) -> dict[str, _Part]:
    others = tuning if unlabelled is None else unlabelled

    def part(rows: pd.DataFrame, patients: int) -> _Part:
        dice = rows["dice"].to_numpy() if unlabelled is None else None
        return _Part(patients, rows["accept_score"].to_numpy(), dice)

    if settings.groups is None:
        return {"all": part(others, len(calibration))}
    sizes = calibration[settings.groups].value_counts().sort_index()
    group = others[settings.groups]
    parts = {}
    for name, patients in sizes.items():
        rows = others[group == name]
        parts[str(name)] = part(rows if len(rows) >= FEWEST_TUNING else others, int(patients))
    # which groups are small is a matter of counts; the grid needs to know it only roughly
    fewest = fewest_accepted(0, settings.tolerated_error, settings.confidence) or 0
    small = sizes[sizes < fewest]
    parts[OTHER] = part(others, int(small.sum()))
    return parts


def _grid(settings: QualityGate, part: _Part, level: float) -> NDArray[np.float64]:
    bad = None if part.dice is None else part.dice <= settings.dice_threshold
    return accept_grid(part.scores, part.patients, settings.tolerated_error, level, tuning_bad=bad)


def _certify_chance(
    settings: QualityGate, part: _Part, grid: NDArray[np.float64], level: float
) -> float:
    if grid.size == 0 or part.dice is None:
        return 0.0
    bad = part.dice <= settings.dice_threshold
    error = settings.tolerated_error
    return float(start_chances(part.scores, bad, grid[:1], part.patients, error, level)[0])


def _interval(
    settings: QualityGate, known: pd.DataFrame, structures: int, look: int
) -> IntervalCertificate:
    groups = 1 if settings.groups is None else max(known[settings.groups].nunique(), 1)
    confidence = interval_level(settings, structures, groups, look)
    found = DiceInterval(settings.miscoverage, settings.side, confidence).calibrate(
        known["predicted_dice"],
        known["dice"],
        known["scale"],
        groups=None if settings.groups is None else known[settings.groups],
    )
    return replace(found, look=look)
