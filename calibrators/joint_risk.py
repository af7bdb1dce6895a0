"""How often a bad case is released, in all cases together: conformal risk control."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.bad_cases import BadCases, at_most_largest, bad_cases
from segqc_conformal.calibrators.checks import LARGEST, check_open_unit, finite_array
from segqc_conformal.calibrators.labelled_scores import labelled_scores
from segqc_conformal.calibrators.weighted_quantile import ROUNDING

__all__ = ["JointRiskCertificate", "JointRiskThreshold"]


@dataclass(frozen=True)
class JointRiskCertificate:
    """A calibrated release rule: what `JointRiskThreshold.calibrate` returns.

    Parameters
    ----------
    dice_threshold, tolerated_releases : float
        A case is bad if its Dice is <= `dice_threshold`; alpha of the promise.
    calibration : BadCases
        The bad calibration patients.

    Notes
    -----
    Guarantee: see `promise`; what it assumes stands in `JointRiskThreshold`.
    """

    dice_threshold: float
    tolerated_releases: float
    calibration: BadCases

    @property
    def threshold(self) -> float | None:
        """Accept where the accept score is >= this; None: nothing, or it depends on weights.

        The next number above the score of the last bad patient who must not be released; the
        lowest finite number where every case with a predicted structure is accepted.
        """
        found = self.calibration
        if found.weights is not None:
            return None
        allowed = int(Fraction(str(float(self.tolerated_releases))) * (found.patients + 1)) - 1
        if allowed < 0:
            return None
        limit = float(_next_above(found.scores)[min(allowed, len(found.scores))])
        return limit if limit <= LARGEST else None

    def accept(
        self, accept_score: ArrayLike, weights: ArrayLike | None = None
    ) -> NDArray[np.bool_]:
        """Return which cases are accepted.

        Parameters
        ----------
        accept_score : array_like of float, shape (cases,)
            -inf for an empty prediction, which is never accepted.
        weights : array_like of float, shape (cases,), optional
            In the unit of the calibration weights; required where those were given.

        Returns
        -------
        ndarray of bool, shape (cases,)

        Notes
        -----
        Guarantee: see `promise`.
        """
        scores = at_most_largest(finite_array("accept score", accept_score))
        own = self.calibration.checked_weights(weights, scores)
        if own is not None:
            return np.asarray(scores >= self._weighted_limits(own))
        return np.asarray(scores >= (np.inf if self.threshold is None else self.threshold))

    def _weighted_limits(self, own: NDArray[np.float64]) -> NDArray[np.float64]:
        total = float(self.calibration.total_weight or 0.0)
        # released weight, the new case counted as bad, may be alpha of all weight
        allowed = self.tolerated_releases * (total + own) - own
        released = np.cumsum(np.asarray(self.calibration.weights, dtype=np.float64))
        first_over = np.searchsorted(released, allowed + ROUNDING * total, side="right")
        limits = _next_above(self.calibration.scores)[first_over]
        return np.where(allowed < -ROUNDING * total, np.inf, limits)

    @property
    def promise(self) -> str:
        """What holds, in words for a person."""
        found = self.calibration
        referred = found.who_is_always_referred(self.tolerated_releases)
        return (
            f"At most {100 * self.tolerated_releases:g} bad releases (accepted with Dice <= "
            f"{self.dice_threshold:g}) per 100 cases in all, accepted and referred together, on "
            f"average over calibrations of {found.patients} patients and over new patients "
            f"{found.population}. The share of bad cases among the accepted may be larger."
        ) + (f" {referred}" if referred else "")

    def to_json(self) -> str:
        """Return the certificate as JSON."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> JointRiskCertificate:
        """Read a certificate written by `to_json`."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> JointRiskCertificate:
        """Read the parsed JSON of a certificate."""
        return cls(**{**fields, "calibration": BadCases.from_dict(fields["calibration"])})


@dataclass(frozen=True)
class JointRiskThreshold:
    """Settings of a release rule with a bounded probability of "accepted and bad".

    Parameters
    ----------
    dice_threshold : float, default 0.8
        A case is bad if its Dice is <= this.
    tolerated_releases : float, default 0.04
        alpha in (0, 1): expected share of all cases that are accepted and bad.

    Notes
    -----
    Guarantee: P(accepted and dice <= dice_threshold) <= alpha, over calibration draw and new
    patient. Assumes exchangeable patients; with known weights, independent ones and weights
    proportional to the density ratio of new to calibration population; with estimated weights
    approximately. Not promised: the share of bad cases among the accepted (`AcceptThreshold`), any
    confidence over calibrations, one batch, one case.
    Source: Angelopoulos et al., Conformal Risk Control (ICLR 2024), Theorem 1, and its
    extension to covariate shift. The loss grows as the threshold falls, which the theorem needs;
    the share of bad ones among the accepted does not, so CRC on it would be invalid.

    Examples
    --------
    >>> score = np.linspace(0, 1, 99)
    >>> certificate = JointRiskThreshold().calibrate(score, 0.75 + 0.2 * score)
    >>> round(certificate.threshold, 3), certificate.accept([0.1, 0.5]).tolist()
    (0.214, [False, True])
    """

    dice_threshold: float = 0.8
    tolerated_releases: float = 0.04

    def __post_init__(self) -> None:
        """Check the settings."""
        check_open_unit(
            dice_threshold=self.dice_threshold, tolerated_releases=self.tolerated_releases
        )

    def calibrate(
        self,
        accept_score: ArrayLike,
        dice: ArrayLike,
        patients: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        weights_are: str | None = None,
    ) -> JointRiskCertificate:
        """Keep the scores of the bad calibration patients, which decide the threshold.

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
        JointRiskCertificate

        Raises
        ------
        InputError
            For NaN or out-of-range values, unequal lengths and missing patients.
        """
        sample = labelled_scores(accept_score, dice, self.dice_threshold, patients, weights)
        calibration = bad_cases(sample.first_of_each_patient(), weights_are)
        return JointRiskCertificate(self.dice_threshold, self.tolerated_releases, calibration)


def _next_above(scores: tuple[float, ...]) -> NDArray[np.float64]:
    # after the last bad patient nobody is left to hold back but empty predictions, at -inf
    with np.errstate(over="ignore"):
        return np.asarray(np.nextafter(np.append(scores, -np.inf), np.inf))
