"""A user's own fitted MAPIE regressor as the interval, as it is or calibrated again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.adapters.mapie_models import interval_ends
from segqc_conformal.adapters.skops_store import dump_models, load_models
from segqc_conformal.calibrators.feature_rows import feature_rows
from segqc_conformal.calibrators.nonconformity import LARGEST, checked_values
from segqc_conformal.calibrators.quantile_interval import (
    QuantileInterval,
    QuantileIntervalCertificate,
)
from segqc_conformal.calibrators.support import support_in_words
from segqc_conformal.errors import InputError

__all__ = ["RegressorInterval", "RegressorIntervalCertificate"]


@dataclass(frozen=True)
class RegressorIntervalCertificate:
    """Intervals of a fitted MAPIE regressor: what `RegressorInterval` returns.

    Parameters
    ----------
    regressor : object
        The fitted and conformalized regressor; kept by `to_skops`, not by `to_json`.
    support_low, support_high : float or None
        Smallest and largest possible value; None: unbounded on that side.
    correction : QuantileIntervalCertificate or None
        What our own patients add to its ends; None: nothing was checked.

    Notes
    -----
    Guarantee: see `promise`; what it assumes stands in `RegressorInterval`.
    """

    regressor: Any = field(compare=False, repr=False)
    support_low: float | None = 0.0
    support_high: float | None = 1.0
    correction: QuantileIntervalCertificate | None = None

    def interval(self, features: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the intervals of new cases.

        Parameters
        ----------
        features : DataFrame or array_like, shape (cases, features)
            As the regressor takes them.

        Returns
        -------
        (low, high) : tuple of ndarray of float64, shape (cases,)
            Ordered, and inside the support. An end that the regressor leaves NaN is that of the
            support; ends that it gives the wrong way round are exchanged.

        Raises
        ------
        InputError
            If the regressor cannot judge these features.

        Notes
        -----
        Guarantee: see `promise`.
        """
        low, high = _finite_ends(self.regressor, features)
        if self.correction is not None:
            return self.correction.interval(low, high)
        least, most = self.support_low, self.support_high
        return np.clip(low, least, most), np.clip(high, least, most)

    @property
    def promise(self) -> str:
        """What holds, in words for a person."""
        if self.correction is not None:
            return self.correction.promise
        low, high = self.support_low, self.support_high
        whole = support_in_words(-np.inf if low is None else low, np.inf if high is None else high)
        return (
            f"This is the interval of a fitted {type(self.regressor).__name__} of MAPIE, cut to "
            f"{whole}. Nothing was checked here: what it promises rests on the data it was fitted "
            "and conformalized with, counted by rows unless its user kept to one per patient."
        )

    def to_json(self) -> str:
        """Return all but the regressor as JSON."""
        correction = None if self.correction is None else json.loads(self.correction.to_json())
        numbers = {
            "support_low": self.support_low,
            "support_high": self.support_high,
            "correction": correction,
        }
        return json.dumps(numbers, sort_keys=True, allow_nan=False)

    def to_skops(self) -> bytes:
        """Return the regressor as the bytes of a skops file; there is no pickle in it."""
        return dump_models({"regressor": self.regressor})

    @classmethod
    def from_json(cls, text: str, skops: bytes) -> RegressorIntervalCertificate:
        """Read a certificate written by `to_json` and `to_skops`, with the same MAPIE.

        Raises
        ------
        TamperedError
            If the regressor needs a type that is not trusted.
        """
        return cls.from_dict(json.loads(text), skops)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any], skops: bytes) -> RegressorIntervalCertificate:
        """Read the parsed JSON of a certificate, and its regressor."""
        kept = fields["correction"]
        correction = None if kept is None else QuantileIntervalCertificate.from_dict(kept)
        regressor = load_models(skops)["regressor"]
        return cls(regressor, fields["support_low"], fields["support_high"], correction)


@dataclass(frozen=True)
class RegressorInterval:
    """Settings that make a user's own MAPIE regressor an interval here.

    Parameters
    ----------
    regressor : object
        Fitted and conformalized: ``SplitConformalRegressor``, ``ConformalizedQuantileRegressor``,
        ``CrossConformalRegressor`` or ``JackknifeAfterBootstrapRegressor`` of ``mapie.regression``,
        with one confidence level.
    miscoverage, confidence, support, measure
        As in `DiceInterval`, for `calibrate`; `unchecked` needs only the support.

    Notes
    -----
    Guarantee: of `calibrate`, that of `QuantileInterval` with the regressor's ends as predicted
    quantiles, whatever they are worth, if our patients neither fitted nor conformalized it. Of
    `unchecked`, none of ours.

    Examples
    --------
    >>> from mapie.regression import SplitConformalRegressor
    >>> x, dice = np.arange(20.0)[:, None], 0.5 + 0.01 * np.arange(20) + 0.02 * (np.arange(20) % 2)
    >>> own = SplitConformalRegressor(confidence_level=0.8, prefit=False).fit(x, dice)
    >>> settings = RegressorInterval(own.conformalize(x, dice), miscoverage=0.2)
    >>> low, high = settings.unchecked().interval([[5.0]])
    >>> wider_low, wider_high = settings.calibrate(x[:9], dice[:9] - 0.1).interval([[5.0]])
    >>> bool(wider_low[0] < low[0] < high[0] < wider_high[0])
    True
    """

    regressor: Any
    miscoverage: float = 0.1
    confidence: float | None = None
    support: tuple[float, float] = (0.0, 1.0)
    measure: str = "Dice"

    def __post_init__(self) -> None:
        """Check the settings."""
        self._settings()
        if not callable(getattr(self.regressor, "predict_interval", None)):
            raise InputError(
                "a MAPIE regressor with predict_interval",
                type(self.regressor).__name__,
                "give a SplitConformalRegressor, fitted and conformalized",
            )

    def unchecked(self) -> RegressorIntervalCertificate:
        """Take the regressor's intervals as they are, cut to the support.

        Notes
        -----
        Guarantee: none of ours; the promise says so.
        """
        return self._certificate(None)

    def calibrate(
        self, features: Any, dice: ArrayLike, patients: ArrayLike | None = None
    ) -> RegressorIntervalCertificate:
        """Widen or draw in the regressor's ends until they hold for our own labelled patients.

        Parameters
        ----------
        features : DataFrame or array_like, shape (cases, features)
            As the regressor takes them.
        dice : array_like of float, shape (cases,)
            True Dice, finite and inside the support.
        patients : array_like, shape (cases,), optional
            As in `DiceInterval.calibrate`.

        Returns
        -------
        RegressorIntervalCertificate

        Raises
        ------
        InputError
            As `DiceInterval.calibrate` does, and if the regressor cannot judge these features. Too
            few patients do not raise: the certificate then gives the whole support.
        """
        low, high = self.support
        dice = checked_values(self.measure.lower(), dice, low=low, high=high)
        ends = _finite_ends(self.regressor, features, dice.size)
        return self._certificate(self._settings().calibrate(*ends, dice, patients=patients))

    def _settings(self) -> QuantileInterval:
        return QuantileInterval(self.miscoverage, self.confidence, self.support, self.measure)

    def _certificate(
        self, correction: QuantileIntervalCertificate | None
    ) -> RegressorIntervalCertificate:
        low, high = (float(end) if np.isfinite(end) else None for end in self.support)
        return RegressorIntervalCertificate(self.regressor, low, high, correction)


def _finite_ends(
    regressor: Any, features: Any, cases: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low, high = interval_ends(regressor, feature_rows(features, cases))
    return np.clip(low, -LARGEST, LARGEST), np.clip(high, -LARGEST, LARGEST)
