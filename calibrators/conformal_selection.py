"""Which cases of one batch to accept, with a bounded expected share of bad ones among them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.bad_cases import BadCases, at_most_largest, bad_cases
from segqc_conformal.calibrators.checks import (
    check_open_unit,
    finite_array,
    first_row_of_each_patient,
    percent,
)
from segqc_conformal.calibrators.conformal_p_value import conformal_ranks
from segqc_conformal.calibrators.labelled_scores import labelled_scores
from segqc_conformal.calibrators.weighted_selection import weighted_selection

__all__ = ["ConformalSelection", "SelectionCertificate", "benjamini_hochberg"]


@dataclass(frozen=True)
class SelectionCertificate:
    """A calibrated batch selection: what `ConformalSelection.calibrate` returns.

    Parameters
    ----------
    dice_threshold, tolerated_error : float
        A case is bad if its Dice is <= `dice_threshold`; q of the promise.
    calibration : BadCases
        The bad calibration patients.

    Notes
    -----
    Guarantee: see `promise`; what it assumes stands in `ConformalSelection`.
    """

    dice_threshold: float
    tolerated_error: float
    calibration: BadCases

    def select(
        self,
        accept_score: ArrayLike,
        weights: ArrayLike | None = None,
        patients: ArrayLike | None = None,
    ) -> NDArray[np.bool_]:
        """Return which cases of one batch are accepted; each decision depends on the whole batch.

        Parameters
        ----------
        accept_score : array_like of float, shape (cases,)
            -inf for an empty prediction, which is never accepted.
        weights : array_like of float, shape (cases,), optional
            In the unit of the calibration weights; required where those were given.
        patients : array_like, shape (cases,), optional
            Patient of each case: the first row of each is judged, the others are referred and
            count nowhere. None: every row is its own patient.

        Returns
        -------
        ndarray of bool, shape (cases,)

        Notes
        -----
        Guarantee: see `promise`.
        """
        scores = at_most_largest(finite_array("accept score", accept_score))
        own = self.calibration.checked_weights(weights, scores)
        rows = first_row_of_each_patient(patients, scores.size)
        accepted = np.zeros(scores.size, dtype=bool)
        accepted[rows] = self._selected(scores[rows], None if own is None else own[rows])
        return accepted

    def _selected(
        self, scores: NDArray[np.float64], own: NDArray[np.float64] | None
    ) -> NDArray[np.bool_]:
        patients = self.calibration.patients
        bad = np.asarray(self.calibration.scores)
        if own is not None:
            bad_weights = np.asarray(self.calibration.weights, dtype=np.float64)
            total = float(self.calibration.total_weight or 0.0)
            return weighted_selection(bad, bad_weights, total, scores, own, self.tolerated_error)
        ranks = np.where(scores > -np.inf, conformal_ranks(bad, scores), patients + 1)
        return benjamini_hochberg(ranks, patients + 1, self.tolerated_error)

    @property
    def promise(self) -> str:
        """What holds, in words for a person."""
        found = self.calibration
        referred = found.who_is_always_referred(self.tolerated_error)
        return (
            f"In a batch of new patients {found.population}, one case each, on average over "
            f"calibrations of {found.patients} patients and over batches, at most "
            f"{percent(self.tolerated_error)} of the accepted cases have Dice <= "
            f"{self.dice_threshold:g}. This batch may hold more, as about half of all batches can; "
            "nothing is promised case by case."
        ) + (f" {referred}" if referred else "")

    def to_json(self) -> str:
        """Return the certificate as JSON."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> SelectionCertificate:
        """Read a certificate written by `to_json`."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> SelectionCertificate:
        """Read the parsed JSON of a certificate."""
        return cls(**{**fields, "calibration": BadCases.from_dict(fields["calibration"])})


@dataclass(frozen=True)
class ConformalSelection:
    """Settings of a batch selection with a bounded false discovery rate.

    Parameters
    ----------
    dice_threshold : float, default 0.8
        A case is bad if its Dice is <= this.
    tolerated_error : float, default 0.1
        q in (0, 1): expected share of bad cases among the accepted of a batch.

    Notes
    -----
    Guarantee: E[bad accepted / max(1, accepted)] <= q for one batch, over calibration and batch
    together. Assumes calibration and batch patients exchangeable, one case each. With known
    weights: batch patients independent draws of the population that the weights describe; with
    estimated ones approximately. Not promised: any single batch, any confidence, any single case.
    A batch of one case is accepted and bad with probability <= q.
    Source: Jin and Candes, Selection by prediction with conformal p-values, JMLR 24 (2023);
    weighted: Jin and Candes, Model-free selective inference under covariate shift via weighted
    conformal p-values (arXiv 2307.09291).

    Examples
    --------
    >>> score = np.linspace(0, 1, 100)
    >>> certificate = ConformalSelection().calibrate(score, 0.75 + 0.2 * score)
    >>> certificate.select([0.1, 0.3, 0.5, 0.7, 0.9]).tolist()
    [False, True, True, True, True]
    """

    dice_threshold: float = 0.8
    tolerated_error: float = 0.1

    def __post_init__(self) -> None:
        """Check the settings."""
        check_open_unit(dice_threshold=self.dice_threshold, tolerated_error=self.tolerated_error)

    def calibrate(
        self,
        accept_score: ArrayLike,
        dice: ArrayLike,
        patients: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        weights_are: str | None = None,
    ) -> SelectionCertificate:
        """Keep the scores of the bad calibration patients, which is all that a batch needs.

        Parameters
        ----------
        accept_score : array_like of float, shape (cases,)
            Higher is better; -inf for an empty prediction.
        dice : array_like of float, shape (cases,)
            True Dice in [0, 1].
        patients : array_like, shape (cases,), optional
            Patient of each case; the first row of each patient counts, so sort by time.
        weights : array_like of float, shape (cases,), optional
            Density ratio of new to calibration population, up to a factor; needs `weights_are`.
        weights_are : {"known", "estimated"}, optional

        Returns
        -------
        SelectionCertificate

        Raises
        ------
        InputError
            For NaN or out-of-range values, unequal lengths and missing patients.
        """
        sample = labelled_scores(accept_score, dice, self.dice_threshold, patients, weights)
        calibration = bad_cases(sample.first_of_each_patient(), weights_are)
        return SelectionCertificate(self.dice_threshold, self.tolerated_error, calibration)


def benjamini_hochberg(ranks: NDArray[np.int64], out_of: int, level: float) -> NDArray[np.bool_]:
    """Return what Benjamini-Hochberg rejects, for p-values ``ranks / out_of``, exactly.

    Parameters
    ----------
    ranks : ndarray of int, shape (cases,)
        1..`out_of`.
    out_of : int
    level : float
        q in (0, 1), taken as the decimal the user meant.

    Returns
    -------
    ndarray of bool, shape (cases,)

    Notes
    -----
    Guarantee: none by itself.

    Examples
    --------
    >>> benjamini_hochberg(np.array([1, 3, 9]), 10, 0.15).tolist()
    [False, False, False]
    >>> benjamini_hochberg(np.array([1, 1, 9]), 10, 0.15).tolist()
    [True, True, False]
    """
    q = Fraction(str(float(level)))
    ordered = np.sort(ranks)
    # Python's integers: a level of many digits would overflow numpy's, silently.
    wide, by = q.numerator * out_of, ranks.size * q.denominator
    allowed = [number * wide // by for number in range(1, ranks.size + 1)]
    passed = np.flatnonzero(ordered <= np.array(allowed, dtype=np.int64))
    limit = ordered[passed[-1]] if passed.size else 0
    return np.asarray(ranks <= limit)
