"""Choosing the risk: what each choice would probably give, seen on the fit patients alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from segqc_conformal.calibrators.checks import check_open_unit
from segqc_conformal.calibrators.worst_shift import tolerable_shift, usual_limit
from segqc_conformal.canonical_json import canonical_json
from segqc_conformal.evaluation.risk_coverage import risk_coverage
from segqc_conformal.likely_acceptance import likely_acceptance
from segqc_conformal.likely_width import likely_width
from segqc_conformal.promise_parts import (
    PromisePart,
    calibration_counts,
    promise_parts,
    with_threshold,
)

if TYPE_CHECKING:
    from segqc_conformal.quality_gate import QualityGate

__all__ = ["Exploration", "RiskCurve", "explored"]


@dataclass(frozen=True)
class RiskCurve:
    """Share of bad masks among the accepted over the share accepted, most trusted first.

    Notes
    -----
    Guarantee: none; a description of the fit patients.
    """

    structure: str
    group: str | None
    dice_threshold: float
    share_accepted: tuple[float, ...]
    bad_share: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Exploration:
    """What the fit patients say about every choice of risk.

    Parameters
    ----------
    settings : dict
        Those of the `QualityGate`; its risks are among those explored.
    patients_fit, patients_calibration : int
        Patients looked at, and patients whose labels were not read.
    outcomes : DataFrame
        By structure (and group), Dice threshold and tolerated error: calibration ``patients``,
        ``bad_share`` of the fit patients, ``p_certify`` as the certificate would print it,
        ``share_if_certified``,
        ``share_accepted`` (their product: expected), ``patients_needed`` for an 80 % chance, and
        ``shift``, the largest total variation under which a certificate surely keeps its error
        below the tolerated one and five points more, at the share it accepts.
    widths : DataFrame
        By structure (and group) and miscoverage: expected mean ``width`` of the interval, and the
        ends of its 5 to 95 % band over calibrations, ``width_low`` and ``width_high``. Empty where
        no patient is left to calibrate (a cross-conformal interval is not forecast).
    curves : tuple of RiskCurve
    learning : DataFrame or None
        What more fit patients would do for the quality predictor (`learning_curve`); None where
        nobody asked.

    Notes
    -----
    Guarantee: none; forecasts. No label of a calibration patient was read, so choosing the risk by
    them spends nothing.
    """

    settings: dict[str, Any]
    patients_fit: int
    patients_calibration: int
    outcomes: pd.DataFrame
    widths: pd.DataFrame
    curves: tuple[RiskCurve, ...]
    learning: pd.DataFrame | None = None

    def at(self, dice_threshold: float) -> pd.DataFrame:
        """Return the outcomes at one Dice threshold."""
        chosen = self.outcomes["dice_threshold"] == dice_threshold
        return self.outcomes[chosen].drop(columns="dice_threshold").reset_index(drop=True)

    def to_json(self) -> str:
        """Return every number as canonical JSON."""
        return canonical_json(
            {
                "settings": self.settings,
                "patients_fit": self.patients_fit,
                "patients_calibration": self.patients_calibration,
                "outcomes": _plain(self.outcomes),
                "widths": _plain(self.widths),
                "curves": [asdict(curve) for curve in self.curves],
                **({} if self.learning is None else {"learning": _plain(self.learning)}),
            }
        )


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    values = frame.astype(object).where(frame.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in values.to_dict("records")]


def explored(
    settings: QualityGate,
    tuning: pd.DataFrame,
    calibration: pd.DataFrame,
    structures: tuple[str, ...],
    centres: Mapping[str, float],
    *,
    tolerated_errors: Sequence[float],
    dice_thresholds: Sequence[float],
    miscoverages: Sequence[float],
) -> Exploration:
    """Forecast each risk from scored fit patients; those of the settings are always among them.

    Parameters
    ----------
    settings : QualityGate
    tuning : DataFrame
        Scored rows of the fit patients (out-of-fold), one case each.
    calibration : DataFrame
        Rows of the calibration patients, which are counted; their ``dice`` is not read.
    structures : tuple of str
        Structures of a whole case.
    centres : mapping of str to float
        Those of the quality predictor.
    tolerated_errors, dice_thresholds, miscoverages : sequence of float
        Risks to compare, in (0, 1).

    Returns
    -------
    Exploration

    Notes
    -----
    The accept score depends on the Dice threshold; predictions do not, so nothing is fitted again.
    Guarantee: none; forecasts.
    """
    errors = _with(settings.tolerated_error, tolerated_errors)
    thresholds = _with(settings.dice_threshold, dice_thresholds)
    coming = calibration_counts(settings, calibration, structures)
    outcomes: list[dict[str, Any]] = []
    widths: list[dict[str, Any]] = []
    curves = []
    for threshold in thresholds:
        at_threshold = replace(settings, dice_threshold=threshold)
        scored = with_threshold(at_threshold, tuning, structures, centres)
        for part in promise_parts(settings, scored, coming):
            outcomes += _outcomes(settings, part, threshold, errors)
            curves.append(_curve(part, threshold))
            if threshold == settings.dice_threshold and part.coming:
                widths += _widths(settings, part, _with(settings.miscoverage, miscoverages))
    return Exploration(
        settings=settings.as_dict(),
        patients_fit=int(tuning["patient_id"].nunique()),
        patients_calibration=int(calibration["patient_id"].nunique()),
        outcomes=_frame(settings, outcomes, whole=["patients_needed"]),
        widths=_frame(settings, widths),
        curves=tuple(curves),
    )


def _with(own: float, others: Sequence[float]) -> list[float]:
    for value in others:
        check_open_unit(risk=value)
    return sorted({own, *others})


def _outcomes(
    settings: QualityGate, part: PromisePart, dice_threshold: float, errors: Sequence[float]
) -> list[dict[str, Any]]:
    scores = part.rows["accept_score"].to_numpy(dtype=np.float64)
    bad = part.rows["dice"].to_numpy() <= dice_threshold
    found = []
    for error in errors:
        likely = likely_acceptance(scores, bad, part.coming, error, part.confidence, settings.seed)
        share = likely.share_if_certified
        found.append(
            {
                "structure": part.structure,
                "group": part.group,
                "dice_threshold": dice_threshold,
                "tolerated_error": error,
                "patients": part.coming,
                "bad_share": float(bad.mean()),
                "p_certify": likely.p_certify,
                "share_if_certified": np.nan if share is None else share,
                "share_accepted": likely.share_accepted,
                "patients_needed": likely.patients_needed,
                "shift": np.nan
                if share is None
                else tolerable_shift(error, usual_limit(error), share),
            }
        )
    return found


def _widths(
    settings: QualityGate, part: PromisePart, miscoverages: Sequence[float]
) -> list[dict[str, Any]]:
    known = part.rows[part.rows["predicted_dice"].notna()]
    predicted, dice, scale = (known[c].to_numpy() for c in ("predicted_dice", "dice", "scale"))
    found = []
    for miscoverage in miscoverages:
        likely = likely_width(
            predicted,
            dice,
            scale,
            part.coming_seen,
            miscoverage,
            part.interval_confidence,
            settings.side,
            settings.seed,
        )
        found.append(
            {
                "structure": part.structure,
                "group": part.group,
                "miscoverage": miscoverage,
                "width": likely.mean,
                "width_low": likely.low,
                "width_high": likely.high,
            }
        )
    return found


def _curve(part: PromisePart, dice_threshold: float) -> RiskCurve:
    curve = risk_coverage(part.rows["accept_score"], part.rows["dice"], dice_threshold)
    shares, risks = (tuple(axis.round(6).tolist()) for axis in (curve.coverage, curve.bad_share))
    return RiskCurve(part.structure, part.group, dice_threshold, shares, risks)


def _frame(
    settings: QualityGate, rows: list[dict[str, Any]], whole: Sequence[str] = ()
) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=None if rows else ["structure", "group"])
    for name in whole:  # a missing count would turn the others into floats
        frame[name] = pd.Series([row[name] for row in rows], dtype=object)
    if settings.groups is None:
        frame = frame.drop(columns="group")
    # structures in their order, and within each the risks in theirs
    order = pd.Series(pd.factorize(frame["structure"])[0]).sort_values(kind="stable").index
    return frame.loc[order].reset_index(drop=True)
