"""The patients that each promise of a gate would be about, before any calibration label is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from segqc_conformal.calibration_rows import one_case_each
from segqc_conformal.quality.centre import recentred
from segqc_conformal.scoring import empty_prediction, with_scores
from segqc_conformal.shared_confidence import accept_level, interval_level
from segqc_conformal.structure_calibration import FEWEST_TUNING

if TYPE_CHECKING:
    from segqc_conformal.quality_gate import QualityGate

__all__ = ["PromisePart", "calibration_counts", "promise_parts", "with_threshold"]

PREDICTED = ["predicted_dice", "scale"]


class PromisePart(NamedTuple):
    """One structure (of one group): its scored fit patients, and how it would be calibrated.

    `coming` counts calibration patients, `coming_seen` those of them with a prediction that is not
    empty; `confidence` and `interval_confidence` are those of the first look at this promise alone.
    """

    structure: str
    group: str | None
    rows: pd.DataFrame
    coming: int
    coming_seen: int
    confidence: float
    interval_confidence: float | None


def calibration_counts(
    settings: QualityGate, calibration: pd.DataFrame, structures: tuple[str, ...]
) -> pd.DataFrame:
    """Place the calibration patients by structure and group; their labels are dropped first.

    Returns
    -------
    DataFrame
        One row per patient and structure, subsets and whole cases included; ``predicted_dice`` is
        missing where the prediction is empty, and else means nothing.

    Notes
    -----
    Guarantee: none (counting).
    """
    unlabelled = calibration.assign(dice=np.nan)
    seen = calibration.index[~empty_prediction(calibration)]
    stand_in = pd.DataFrame(1.0, index=seen, columns=PREDICTED)
    threshold, subsets = settings.dice_threshold, settings.subsets
    placed = with_scores(unlabelled, stand_in, structures, threshold, subsets)
    return one_case_each(placed, settings.seed)


def with_threshold(
    settings: QualityGate,
    tuning: pd.DataFrame,
    structures: tuple[str, ...],
    centres: Mapping[str, float],
) -> pd.DataFrame:
    """Score fit patients again for another Dice threshold, by the predictions they have.

    Notes
    -----
    Guarantee: none.
    """
    rows = tuning[tuning["structure"].isin(structures)]
    predictions = rows.loc[rows["predicted_dice"].notna(), PREDICTED]
    rows = rows.drop(columns=[*PREDICTED, "accept_score"])
    threshold, subsets = settings.dice_threshold, settings.subsets
    scored = with_scores(rows, predictions, structures, threshold, subsets)
    return recentred(scored, centres)


def promise_parts(
    settings: QualityGate, scored: pd.DataFrame, coming: pd.DataFrame
) -> Iterator[PromisePart]:
    """Yield the part of each structure, and with groups of each group in it.

    Parameters
    ----------
    settings : QualityGate
    scored : DataFrame
        Scored rows of the fit patients.
    coming : DataFrame
        What `calibration_counts` returned.

    Notes
    -----
    A group with fewer than 20 fit patients is forecast from those of all groups. Groups that are
    too small to calibrate appear by themselves, not as "other".
    Guarantee: none.
    """
    names = list(dict.fromkeys(scored["structure"]))
    for name in names:
        rows, there = (part[part["structure"] == name] for part in (scored, coming))
        if settings.groups is None:
            yield _part(settings, (name, None), rows, there, len(names), 1)
            continue
        group, coming_group = (part[settings.groups] for part in (rows, there))
        found = sorted(coming_group.unique())
        for each in found:
            own = rows[group == each]
            stand_in = own if len(own) >= FEWEST_TUNING else rows
            chosen = there[coming_group == each]
            yield _part(settings, (name, each), stand_in, chosen, len(names), len(found))


def _part(
    settings: QualityGate,
    name: tuple[str, str | None],
    rows: pd.DataFrame,
    coming: pd.DataFrame,
    structures: int,
    groups: int,
) -> PromisePart:
    return PromisePart(
        *name,
        rows=rows,
        coming=len(coming),
        coming_seen=int(coming["predicted_dice"].notna().sum()),
        # one promise more than groups: that of the small ones together, which have no PAC interval
        confidence=accept_level(settings, structures, groups + 1 if settings.groups else 1),
        interval_confidence=interval_level(settings, structures, groups),
    )
