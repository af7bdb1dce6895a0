"""Settings of a gate, and how a labelled feature table becomes a calibrated gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.calibration_rows import (
    hashed_patients,
    labelled_rows,
    one_case_each,
    with_group,
)
from segqc_conformal.calibrators.accept import AcceptThreshold
from segqc_conformal.calibrators.cross_certificate import CrossConformalCertificate
from segqc_conformal.calibrators.interval import DiceInterval
from segqc_conformal.case_groups import check_group_column
from segqc_conformal.certification import certified_gate
from segqc_conformal.errors import InputError
from segqc_conformal.exploration import Exploration, explored
from segqc_conformal.features.table import FIT_PATIENT, one_identity
from segqc_conformal.few_patients import FEWEST, cross_conformal
from segqc_conformal.fit_patients import named_fit_patients
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.patients import split_patients
from segqc_conformal.quality.learning_curve import learning_curve
from segqc_conformal.quality.predictor import FittedQuality, fit_quality
from segqc_conformal.scoring import empty_prediction, score_fit_rows, score_rows
from segqc_conformal.subset_settings import check_members, check_subsets
from segqc_conformal.whole_case import rows_together

__all__ = ["QualityGate"]

LEARNING_SHARES = (0.25, 0.5, 0.8)  # of the fit patients
SMALLEST_SPLIT = 40  # labelled patients; below, none can be spared to calibrate


@dataclass(frozen=True)
class QualityGate:
    """Settings of a gate; `calibrate` makes the gate that judges.

    Parameters
    ----------
    miscoverage : float, default 0.10
        alpha of the Dice interval.
    dice_threshold : float, default 0.8
        A mask is bad if its Dice is <= this.
    tolerated_error : float, default 0.10
        alpha of the accept promise: allowed share of bad among accepted cases.
    confidence : float, default 0.90
        1 - delta of the accept promise.
    interval_confidence : float, optional
        1 - delta of a PAC interval; None: the interval is marginal.
    side : {"two-sided", "lower", "upper"}, default "two-sided"
        Both ends of the interval, or one end only.
    groups : str, optional
        Column of the feature table, known without the reference mask (site, scanner, size class):
        intervals and accept thresholds then hold within each of its groups.
    subsets : mapping of str to sequence of str, optional
        Named subsets of the structures, each judged together by its worst one, as the whole case
        is; their rows are called "subset:" and the name.
    family : {"each", "all"}, default "each"
        Each accept promise holds with `confidence` on its own, or all (structures, subsets, whole
        case, groups) hold together, and so do PAC intervals.
    looks : {"one", "many"}, default "one"
        "many", declared before the first look: more patients may be added and all be calibrated
        again (`look_again`); look k spends ``delta / (k (k + 1))``.
    seed : int, default 0
        Seed of the patient split, of ties between visits and of the forest.

    Notes
    -----
    Guarantee: those of `DiceInterval` and `AcceptThreshold`, for each structure, subset and the
    whole case, each on its own or, with ``family="all"``, the accept promises (and PAC intervals)
    together; from 20 to 39 labelled patients that of `CrossConformalInterval` alone. With many
    looks the size of each must not depend on labels seen.

    Examples
    --------
    >>> QualityGate(tolerated_error=0.05).confidence
    0.9
    """

    miscoverage: float = 0.10
    dice_threshold: float = 0.8
    tolerated_error: float = 0.10
    confidence: float = 0.90
    interval_confidence: float | None = None
    side: str = "two-sided"
    groups: str | None = None
    subsets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    family: str = "each"
    looks: str = "one"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings, by the rules of the calibrators that get them."""
        DiceInterval(self.miscoverage, self.side, self.interval_confidence)
        AcceptThreshold(
            self.dice_threshold,
            self.tolerated_error,
            self.confidence,
            looks=self.looks,
            family=self.family,
        )
        check_group_column(self.groups)
        check_subsets(self.subsets)

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as a certificate keeps them."""
        subsets = {name: list(members) for name, members in self.subsets.items()}
        return {**asdict(self), "subsets": subsets}

    def calibrate(
        self,
        table: pd.DataFrame,
        fit_patients: Sequence[str] | None = None,
        *,
        candidates: Mapping[str, Any] | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> CalibratedGate:
        """Fit a quality predictor on one part of the patients and certify it on the other.

        Parameters
        ----------
        table : DataFrame
            Feature table with ``dice`` for labelled cases. Unlabelled and faulty cases are left
            out and counted in the certificate. Corrupted cases are refused, also of fit patients,
            whose scores set the grid of accept thresholds: train with them beforehand.
        fit_patients : sequence of str, optional
            Patients to fit on; all other labelled patients calibrate. None: those of whom the
            column ``fit_patient`` says that their labels taught a feature; without it half of the
            patients, by a hash of their id. With fewer than 40 labelled patients all of them fit
            and none calibrates: every case is referred, and from 20 on intervals are
            cross-conformal, below [0, 1].
        candidates : mapping of str to estimator, optional
            Unfitted scikit-learn regressors to average instead of the default ones.
        progress : callable, optional
            Called with a word before each step.

        Returns
        -------
        CalibratedGate

        Raises
        ------
        InputError, IdentityError
            For tables that lack columns, ids or labels, mix identities, or hold a corrupted case.
            Too few patients do
            not raise: the gate then says how many more are needed.
        """
        fit, calibration, left_out = self._prepared(table, fit_patients)
        structures = _structures(fit, calibration)
        quality, tuning = self._fit(fit, structures, candidates, progress)
        scored = score_rows(calibration, quality, structures, self.dice_threshold, self.subsets)
        return certified_gate(
            self,
            quality,
            tuning,
            one_case_each(scored, self.seed),
            structures,
            identity=one_identity(fit),
            left_out=left_out,
            lineage={"parent": None, "look": 1, "fit_patients": hashed_patients(fit)},
            cross=self._cross(tuning, structures) if calibration.empty else None,
        )

    def explore(
        self,
        table: pd.DataFrame,
        fit_patients: Sequence[str] | None = None,
        *,
        tolerated_errors: Sequence[float] = (0.02, 0.05, 0.10, 0.15, 0.20),
        dice_thresholds: Sequence[float] = (0.7, 0.75, 0.8, 0.85, 0.9),
        miscoverages: Sequence[float] = (0.05, 0.10, 0.20, 0.30),
        with_learning: bool = False,
        candidates: Mapping[str, Any] | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> Exploration:
        """Show what each choice of risk would probably give, from the fit patients alone.

        Parameters
        ----------
        table, fit_patients, candidates, progress
            As for `calibrate`, which uses the same fit patients.
        tolerated_errors, dice_thresholds, miscoverages : sequence of float
            Risks to compare, in (0, 1), beside those of the settings.
        with_learning : bool
            Whether to fit the quality predictor on a quarter, half and four fifths of the fit
            patients too, to see what more of them would do; takes some 15 times as long.

        Returns
        -------
        Exploration
            ``outcomes``, ``widths`` and curves, by structure.

        Notes
        -----
        Guarantee: none; no label of a calibration patient is read, so choosing the risk by this
        spends nothing.
        """
        fit, calibration, _ = self._prepared(table, fit_patients)
        structures = _structures(fit, calibration)
        quality, tuning = self._fit(fit, structures, candidates, progress)
        found = explored(
            self,
            tuning,
            calibration,
            structures,
            quality.centres,
            tolerated_errors=tolerated_errors,
            dice_thresholds=dice_thresholds,
            miscoverages=miscoverages,
        )
        if not with_learning:
            return found
        if progress is not None:
            progress("learning curve")
        return replace(found, learning=self._learning(fit, candidates))

    def _learning(self, fit: pd.DataFrame, candidates: Mapping[str, Any] | None) -> pd.DataFrame:
        """Return the learning curve of the quality predictor on the fit patients."""
        seen = fit[~empty_prediction(fit)]

        def predict(known: pd.DataFrame, new: pd.DataFrame) -> NDArray[np.float64]:
            quality, _ = fit_quality(
                known, miscoverage=self.miscoverage, candidates=candidates, seed=self.seed
            )
            return quality.predict(new)[0]

        patients = seen["patient_id"].nunique()
        sizes = [int(share * patients) for share in LEARNING_SHARES]
        return learning_curve(seen, predict, sizes, seed=self.seed)

    def _prepared(
        self, table: pd.DataFrame, fit_patients: Sequence[str] | None
    ) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
        """Return the rows that fit, those that calibrate, and what was left out."""
        labelled, left_out = labelled_rows(table)
        one_identity(labelled)
        labelled = with_group(labelled, self.groups, left_out)
        check_members(self.subsets, _structures(labelled))
        return *self._split(labelled, fit_patients), left_out

    def _cross(
        self, tuning: pd.DataFrame, structures: tuple[str, ...]
    ) -> dict[str, CrossConformalCertificate]:
        plain = self.side == "two-sided" and self.interval_confidence is None and not self.groups
        taught = FIT_PATIENT in tuning and bool(tuning[FIT_PATIENT].any())
        if not plain or taught or tuning["case_id"].nunique() < FEWEST:
            return {}
        together = rows_together(structures, self.subsets)
        return cross_conformal(tuning, together, self.miscoverage, self.seed)

    def _fit(
        self,
        fit: pd.DataFrame,
        structures: tuple[str, ...],
        candidates: Mapping[str, Any] | None,
        progress: Callable[[str], None] | None,
    ) -> tuple[FittedQuality, pd.DataFrame]:
        seen = fit[~empty_prediction(fit)]
        fitted = fit_quality(
            seen,
            miscoverage=self.miscoverage,
            candidates=candidates,
            seed=self.seed,
            progress=progress,
        )
        quality, tuning = score_fit_rows(
            fit, fitted, structures, self.dice_threshold, self.miscoverage, self.subsets
        )
        return quality, one_case_each(tuning, self.seed)

    def _split(
        self, labelled: pd.DataFrame, fit_patients: Sequence[str] | None
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        patients = labelled["patient_id"]
        fit_patients = named_fit_patients(labelled, fit_patients)
        if fit_patients is None:
            if patients.nunique() < SMALLEST_SPLIT:
                return labelled, labelled.iloc[:0]
            fit_patients, _ = split_patients(patients, self.seed)
        fit = patients.isin(list(fit_patients))
        if not fit.any():
            raise InputError(
                "at least one fit patient", "none", "name some, or leave fit_patients out"
            )
        return labelled[fit], labelled[~fit]


def _structures(*parts: pd.DataFrame) -> tuple[str, ...]:
    return tuple(sorted(set().union(*(part["structure"] for part in parts))))
