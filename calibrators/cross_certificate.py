"""A cross-conformal interval: the models of the folds, their errors, and what they promise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.adapters.skops_store import dump_models, load_models
from segqc_conformal.calibrators.checks import percent
from segqc_conformal.calibrators.conformal_rank import marginal_rank
from segqc_conformal.calibrators.feature_rows import feature_rows, predicted_by
from segqc_conformal.calibrators.interval_promise import claim_in_words
from segqc_conformal.calibrators.support import bounded_ends, support_in_words
from segqc_conformal.errors import InputError

__all__ = ["CrossConformalCertificate", "cross_rank"]


def cross_rank(method: str, patients: int, per_fold: int, miscoverage: float) -> int | None:
    """Return the rank that keeps 1 - alpha although patients both fit and calibrate.

    Parameters
    ----------
    method : {"minmax", "plus"}
        "plus" runs at alpha / 2.
    patients, per_fold : int
        Number n of calibration patients, and m of them in each fold.
    miscoverage : float
        alpha in (0, 1).

    Returns
    -------
    int or None
        ``ceil((n + m)(1 - level))``; None where that exceeds n: no finite interval holds.

    Notes
    -----
    Guarantee: that of `CrossConformalInterval`, where the proof stands.

    Examples
    --------
    >>> [cross_rank("minmax", n, 1, 0.1) for n in (8, 9)], cross_rank("minmax", 40, 4, 0.1)
    ([None, 9], 40)
    >>> [cross_rank("plus", n, 1, 0.1) for n in (18, 19)], cross_rank("plus", 40, 4, 0.1)
    ([None, 19], None)
    """
    rank = marginal_rank(patients + per_fold - 1, miscoverage / (2 if method == "plus" else 1))
    return None if rank is None or rank > patients else rank


@dataclass(frozen=True)
class CrossConformalCertificate:
    """A cross-conformal interval: what `CrossConformalInterval.calibrate` returns.

    Parameters
    ----------
    miscoverage : float
        alpha, allowed probability that the interval misses.
    method : {"minmax", "plus"}
        How the models of the folds are put together.
    patients : int
        Calibration patients counted.
    folds : tuple of int
        Fold 0, 1, ... of each calibration patient; empty: too few patients, nothing was fitted
        and every interval is the whole support.
    nonconformity : tuple of float
        Absolute error of each patient under the model that was fitted without its fold.
    support_low, support_high : float or None
        Smallest and largest possible value; None: unbounded on that side.
    measure : str
        What the interval is about, in words.
    models : tuple of estimator
        Fitted without fold 0, 1, ...; kept by `to_skops`, not by `to_json`.

    Notes
    -----
    Guarantee: see `promise`; what it assumes stands in `CrossConformalInterval`.
    """

    miscoverage: float
    method: str
    patients: int
    folds: tuple[int, ...]
    nonconformity: tuple[float, ...]
    support_low: float | None = 0.0
    support_high: float | None = 1.0
    measure: str = "Dice"
    models: tuple[Any, ...] = field(default=(), compare=False, repr=False)

    @property
    def support(self) -> tuple[float, float]:
        """Smallest and largest possible value, infinite where unbounded."""
        low, high = self.support_low, self.support_high
        return -np.inf if low is None else low, np.inf if high is None else high

    @property
    def per_fold(self) -> int:
        """Patients in each fold; 1 where nothing was fitted."""
        return self.patients // len(set(self.folds)) if self.folds else 1

    @cached_property
    def _rank(self) -> int | None:
        if not self.folds:
            return None
        return cross_rank(self.method, self.patients, self.per_fold, self.miscoverage)

    def interval(self, features: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the intervals of new cases.

        Parameters
        ----------
        features : DataFrame or array_like, shape (cases, features)
            As in the calibration.

        Returns
        -------
        (low, high) : tuple of ndarray of float64, shape (cases,)
            Ordered, and inside the support.

        Raises
        ------
        InputError
            For features that a model cannot use or turns into a number that is not finite.

        Notes
        -----
        Each model judges each case; "plus" needs memory for cases x patients numbers.
        Guarantee: see `promise`.
        """
        table = feature_rows(features)
        if self._rank is None:
            nowhere = np.zeros(len(table))
            return bounded_ends(nowhere, nowhere, np.inf, 1.0, self.support)
        predicted = self._by_fold(table)
        errors = np.asarray(self.nonconformity)
        if self.method == "minmax":
            quantile = float(np.sort(errors)[self._rank - 1])
            lowest, highest = predicted.min(axis=1), predicted.max(axis=1)
            return bounded_ends(lowest, highest, quantile, 1.0, self.support)
        each = predicted[:, np.asarray(self.folds)]
        low, high = bounded_ends(each, each, errors, 1.0, self.support)
        outwards = self.patients - self._rank
        return _nth(low, outwards), _nth(high, self._rank - 1)

    def predicted(self, features: Any) -> NDArray[np.float64]:
        """Return the central prediction of new cases: the median of the models of the folds.

        Parameters
        ----------
        features : DataFrame or array_like, shape (cases, features)
            As in the calibration.

        Returns
        -------
        ndarray of float64, shape (cases,)
            Inside the interval of the case and the support; NaN where nothing was fitted.

        Notes
        -----
        Guarantee: none by itself; `interval` has one.
        """
        table = feature_rows(features)
        if self._rank is None:
            return np.full(len(table), np.nan)
        return np.clip(np.median(self._by_fold(table), axis=1), *self.support)

    def _by_fold(self, table: Any) -> NDArray[np.float64]:
        return np.column_stack([predicted_by(model, table, self.measure) for model in self.models])

    @property
    def promise(self) -> str:
        """What holds, in words for a person."""
        share, whole = percent(1 - self.miscoverage), support_in_words(*self.support)
        if self._rank is None:
            return (
                f"Too few calibration patients ({self.patients}) for a cross-conformal interval at "
                f"{share}: every interval is {whole}, which always holds and says nothing."
            )
        alike = self.per_fold == 1
        drawn = "exchangeable with" if alike else "drawn independently, like"
        return (
            f"For a new patient {drawn} the {self.patients} labelled patients the "
            f"{claim_in_words('two-sided', self.measure)} with probability at least {share}, "
            "averaged over calibrations and over accepted and referred cases alike. The same "
            f"patients fitted the models and calibrated them (cross-conformal, {self._form}), so "
            "nothing is promised with confidence in this one calibration, and their scores cannot "
            "certify an accept threshold."
        )

    @property
    def _form(self) -> str:
        if self.method == "minmax":
            return "minmax form"
        level = percent(1 - self.miscoverage / 2)
        return f"plus form run at {level}, because it is proven to twice the misses"

    def to_json(self) -> str:
        """Return all but the models as JSON."""
        numbers = {one.name: getattr(self, one.name) for one in fields(self)}
        del numbers["models"]
        return json.dumps(numbers, sort_keys=True, allow_nan=False)

    def to_skops(self) -> bytes:
        """Return the models as the bytes of a skops file; there is no pickle in it."""
        return dump_models({"models": list(self.models)})

    @classmethod
    def from_json(cls, text: str, skops: bytes) -> CrossConformalCertificate:
        """Read a certificate written by `to_json` and `to_skops`.

        Raises
        ------
        TamperedError
            If the models need a type that is not trusted.
        InputError
            If the two do not belong together.
        """
        found = cls.from_dict({**json.loads(text), "models": load_models(skops)["models"]})
        folds = len(set(found.folds))
        if len(found.models) != folds:
            raise InputError(
                f"a model for each of the {folds} folds",
                f"{len(found.models)} models",
                "keep the files of one certificate together",
            )
        return found

    @classmethod
    def from_dict(cls, numbers: Mapping[str, Any]) -> CrossConformalCertificate:
        """Read the parsed JSON of a certificate; its models only where they are given."""
        tuples = {
            name: tuple(numbers.get(name, ())) for name in ("folds", "nonconformity", "models")
        }
        return cls(**{**numbers, **tuples})


def _nth(values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    return np.partition(values, n, axis=1)[:, n]
