"""The probability that Dice lies above the threshold, shown beside the decision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.adapters.mapie_models import venn_abers_tables
from segqc_conformal.calibrators.checks import LARGEST, finite_array
from segqc_conformal.calibrators.labelled_scores import labelled_scores
from segqc_conformal.errors import InputError

__all__ = ["VennAbersCertificate", "VennAbersProbability"]


@dataclass(frozen=True)
class VennAbersCertificate:
    """Calibrated probabilities of Dice > threshold: `VennAbersProbability.calibrate` returns it.

    Parameters
    ----------
    dice_threshold : float
        A case is good if its Dice is above this.
    patients : int
        Calibration patients counted.
    scores : tuple of float
        The different accept scores of the calibration, ascending; infinite ones as the largest
        number of their sign.
    if_bad, if_good : tuple of float
        Probability of a new case if it is taken for bad, by the number of `scores` that are <= its
        own; if taken for good, by the number that are < its own. One more than `scores`.

    Notes
    -----
    Guarantee: see `promise`; what it assumes stands in `VennAbersProbability`.
    """

    dice_threshold: float
    patients: int
    scores: tuple[float, ...]
    if_bad: tuple[float, ...]
    if_good: tuple[float, ...]

    @cached_property
    def _tables(self) -> tuple[NDArray[np.float64], ...]:
        return tuple(
            np.asarray(table, np.float64) for table in (self.scores, self.if_bad, self.if_good)
        )

    def probability(
        self, accept_score: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the probability of Dice > threshold of new cases: two, and one between them.

        Parameters
        ----------
        accept_score : array_like of float, shape (cases,)
            -inf for an empty prediction: its lower probability is 0 unless calibration patients
            with empty predictions were good (both masks empty).

        Returns
        -------
        (low, high, merged) : tuple of ndarray of float64, shape (cases,)
            In [0, 1], growing with the score; low if the case is taken for bad, high if taken for
            good, and ``high / (1 - low + high)`` between them.

        Raises
        ------
        InputError
            For NaN.

        Notes
        -----
        Guarantee: see `promise`; it is about low and high together, not about `merged`.
        """
        scores, if_bad, if_good = self._tables
        new = _without_infinity(finite_array("accept score", accept_score))
        low = if_bad[np.searchsorted(scores, new, side="right")]
        high = if_good[np.searchsorted(scores, new, side="left")]
        return low, high, high / (1.0 - low + high)

    @property
    def promise(self) -> str:
        """What holds, in words for a person."""
        return (
            f"Of the two probabilities of Dice > {self.dice_threshold:g} of a new patient "
            f"exchangeable with the {self.patients} calibration patients, the one that belongs to "
            "the truth (the lower for a bad mask, the upper for a good one) is calibrated: of the "
            "patients for whom it is p, a share p is good, averaged over calibrations. Shown "
            "beside the decision for information; it accepts no case and bounds no error."
        )

    def to_json(self) -> str:
        """Return the certificate as JSON."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> VennAbersCertificate:
        """Read a certificate written by `to_json`."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> VennAbersCertificate:
        """Read the parsed JSON of a certificate."""
        lists = {name: tuple(fields[name]) for name in ("scores", "if_bad", "if_good")}
        return cls(**{**fields, **lists})


@dataclass(frozen=True)
class VennAbersProbability:
    """Settings of Venn-Abers probabilities of Dice > threshold.

    Parameters
    ----------
    dice_threshold : float, default 0.8
        In [0, 1]; a case is good if its Dice is above this.

    Notes
    -----
    Guarantee: with exchangeable patients, and an accept score made without the calibration labels,
    the one of the two probabilities that belongs to the truth, P, is perfectly calibrated:
    E[good | P] = P, over calibration draw and new patient. Which one that is is not known, so the
    true probability is known up to the two only, which differ by about one patient's worth. Not
    promised: anything about `merged`, about one calibration or one case, or about accepted cases.
    Source: Vovk, Petej, Venn-Abers predictors (UAI 2014); inductive form and `merged`: Vovk, Petej,
    Fedorova, Large-scale probabilistic predictors with and without guarantees of validity (NIPS
    2015).

    Examples
    --------
    >>> certificate = VennAbersProbability().calibrate([1, 2, 3, 4], [0.5, 0.9, 0.6, 0.9])
    >>> [part.round(3).tolist() for part in certificate.probability([0, 2.5, 5])]
    [[0.0, 0.333, 0.5], [0.5, 0.667, 1.0], [0.333, 0.5, 0.667]]
    """

    dice_threshold: float = 0.8

    def __post_init__(self) -> None:
        """Check the setting."""
        if not 0.0 <= self.dice_threshold <= 1.0:
            raise InputError(
                "dice_threshold in [0, 1]", self.dice_threshold, "give for example 0.8"
            )

    def calibrate(
        self, accept_score: ArrayLike, dice: ArrayLike, patients: ArrayLike | None = None
    ) -> VennAbersCertificate:
        """Calibrate on labelled cases that fitted nothing.

        Parameters
        ----------
        accept_score : array_like of float, shape (cases,)
            Larger for better masks; -inf for an empty prediction.
        dice : array_like of float, shape (cases,)
            True Dice in [0, 1].
        patients : array_like, shape (cases,), optional
            Patient of each case; the first row of each patient counts. None: every row is its own
            patient.

        Returns
        -------
        VennAbersCertificate

        Raises
        ------
        InputError
            For NaN, Dice outside [0, 1] and unequal lengths. No patients, or only good or bad ones,
            do not raise: the probabilities are then far apart.
        """
        sample = labelled_scores(
            accept_score, dice, self.dice_threshold, patients
        ).first_of_each_patient()
        scores, rank = np.unique(_without_infinity(sample.scores), return_inverse=True)
        if_bad, if_good = venn_abers_tables(rank.reshape(-1), ~sample.bad)
        return VennAbersCertificate(
            self.dice_threshold,
            sample.patient_count,
            tuple(scores.tolist()),
            tuple(if_bad.tolist()),
            tuple(if_good.tolist()),
        )


def _without_infinity(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(scores, -LARGEST, LARGEST)  # JSON holds no infinity
