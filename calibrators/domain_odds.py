"""How much likelier a case is in a new population than in that of the calibration: fixed odds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DomainOdds", "domain_odds"]

LARGEST_LOG = 700.0  # beyond e^700 odds overflow; they are clipped far below that


@dataclass(frozen=True)
class DomainOdds:
    """Odds of the new population against the old one, as a fixed function of a case's features.

    Parameters
    ----------
    centres, spreads : tuple of float
        By which each feature is standardised.
    coefficients : tuple of float
        Of the standardised features.
    intercept : float
        Corrected for the numbers of cases, so that equal densities have odds 1.
    largest : float
        Odds are clipped to [1 / largest, largest].

    Notes
    -----
    Guarantee: that of `domain_odds`.
    """

    centres: tuple[float, ...]
    spreads: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float
    largest: float

    def of(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the odds of each case, clipped.

        Parameters
        ----------
        features : ndarray of float64, shape (cases, features)
        """
        standardised = (features - np.array(self.centres)) / np.array(self.spreads)
        logs = standardised @ np.array(self.coefficients) + self.intercept
        odds = np.exp(np.clip(logs, -LARGEST_LOG, LARGEST_LOG))
        return np.asarray(np.clip(odds, 1.0 / self.largest, self.largest))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> DomainOdds:
        """Read the parsed JSON of the odds."""
        lists = {name: tuple(fields[name]) for name in ("centres", "spreads", "coefficients")}
        return cls(**{**fields, **lists})


def domain_odds(
    old: NDArray[np.float64], new: NDArray[np.float64], largest: float = 20.0
) -> DomainOdds:
    """Fit the odds of new cases against old ones, by logistic regression.

    Parameters
    ----------
    old, new : ndarray of float64, shape (cases, features)
        Finite; one case per patient, no label among them.
    largest : float
        Odds are clipped to [1 / largest, largest], > 1.

    Returns
    -------
    DomainOdds

    Notes
    -----
    Guarantee: none; an estimate of the ratio of two densities. Right only where the logarithm of
    that ratio is linear in the features.
    Source: Tibshirani et al. (NeurIPS 2019), section 2.3.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> odds = domain_odds(rng.normal(0, 1, (900, 1)), rng.normal(1, 1, (900, 1)))
    >>> odds.of(np.array([[0.5], [2.0], [99.0]])).round(1).tolist()
    [1.0, 4.6, 20.0]
    """
    from sklearn.linear_model import LogisticRegression  # heavy: loaded where used
    from sklearn.preprocessing import StandardScaler

    features = np.concatenate([old, new])
    scaler = StandardScaler().fit(features)
    is_new = np.repeat([0, 1], [len(old), len(new)])
    model = LogisticRegression().fit(scaler.transform(features), is_new)
    return DomainOdds(
        centres=tuple(scaler.mean_.tolist()),
        spreads=tuple(scaler.scale_.tolist()),
        coefficients=tuple(model.coef_[0].tolist()),
        intercept=float(model.intercept_[0]) - float(np.log(len(new) / len(old))),
        largest=largest,
    )
