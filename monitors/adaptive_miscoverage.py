"""Intervals that follow their own misses: a long-run average over audited cases, nothing more."""

from __future__ import annotations

import json
from fractions import Fraction
from math import ceil, inf
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import check_open_unit, percent
from segqc_conformal.calibrators.nonconformity import checked_scale, checked_values
from segqc_conformal.calibrators.support import bounded_ends
from segqc_conformal.errors import FileFormatError, InputError, on_one_line

__all__ = ["AdaptiveMiscoverage"]

SCHEMA = "adaptive-miscoverage/1"


class AdaptiveMiscoverage:
    """Widen the intervals after a miss and narrow them after a hit, audit by audit.

    Apart from everything that has a guarantee: no certificate, no accept threshold and no alarm
    may rest on it.

    Parameters
    ----------
    nonconformity : array_like of float, shape (patients,)
        Of the calibration patients, ``|dice - predicted| / scale`` (scale 1 without one), >= 0.
    miscoverage : float
        alpha, the share of misses aimed at, in (0, 1); the intervals start at it.
    step : float
        gamma in (0, 1): how far one audit moves them. 0.005 to 0.05 is usual.

    Attributes
    ----------
    audits, misses : int
        Audits taken, and those of which the interval then in force missed the Dice.

    Raises
    ------
    InputError
        For settings out of range, NaN, negative or infinite nonconformity, or none.

    Notes
    -----
    ``alpha_(t + 1) = alpha_t + gamma (alpha - err_t)``; the interval in force at audit t is the
    conformal one at alpha_t. Where alpha_t <= 0 it is the whole support, and cannot miss; where
    alpha_t >= 1 it is empty, and cannot hold (`interval` returns NaN): without both, no average is
    kept.

    Guarantee: for any sequence of audits, however it was made, after T of them
    ``|misses / T - alpha| <= (max(alpha, 1 - alpha) + gamma) / (gamma T)``. A long-run average over
    audited cases; nothing for one case, no confidence, and nothing about cases that are not
    audited. A miss counts against the interval in force when the audit was answered; it is the one
    that was shown if the answer came before the next interval was made.
    Proof: alpha_t never leaves [-gamma, 1 + gamma], because it rises from <= 0 and falls from >= 1;
    and ``alpha_(T + 1) = alpha + gamma (T alpha - misses)``, here in exact fractions.
    Source: Gibbs, Candes, Adaptive conformal inference under distribution shift (NeurIPS 2021).

    Examples
    --------
    >>> adaptive = AdaptiveMiscoverage([i / 100 for i in range(1, 100)], 0.1, step=0.05)
    >>> adaptive.quantile
    0.9
    >>> adaptive.update(0.95, "c1"), round(adaptive.current, 3), adaptive.quantile
    (True, 0.055, 0.95)
    >>> print(adaptive.promise)
    A long-run average over audited cases: after 1 audit the share of misses, 100%, lies within 19 \
of 10%. Nothing for one case, no confidence.
    """

    def __init__(
        self, nonconformity: ArrayLike, miscoverage: float = 0.1, step: float = 0.01
    ) -> None:
        check_open_unit(miscoverage=miscoverage, step=step)
        self._sorted = np.sort(checked_values("nonconformity", nonconformity, low=0.0))
        if not self._sorted.size:
            raise InputError(
                "nonconformity of one patient at least", "none", "give the calibration patients'"
            )
        self.miscoverage, self.step = float(miscoverage), float(step)
        self.audits, self.misses = 0, 0

    @property
    def _alpha(self) -> Fraction:
        # the decimals the user meant, and counts: no rounding adds up
        aim, step = Fraction(str(self.miscoverage)), Fraction(str(self.step))
        return aim + step * (self.audits * aim - self.misses)

    @property
    def current(self) -> float:
        """The alpha_t in force, within [-step, 1 + step]."""
        return float(self._alpha)

    @property
    def quantile(self) -> float:
        """Nonconformity up to which the interval reaches; inf: whole support, -inf: empty."""
        alpha, patients = self._alpha, self._sorted.size
        if alpha >= 1:
            return -inf
        rank = ceil((patients + 1) * (1 - alpha))
        return inf if rank > patients else float(self._sorted[rank - 1])

    def update(self, nonconformity: float, case_id: str, repeat: bool = False) -> bool:
        """Take one audit, and move the intervals.

        Parameters
        ----------
        nonconformity : float
            ``|dice - predicted| / scale`` of the audited case, >= 0.
        case_id : str
            Named in errors; not kept.
        repeat : bool
            True for a further case of a patient seen before: it moves nothing.

        Returns
        -------
        bool
            Whether the interval in force missed.

        Raises
        ------
        InputError
            Naming the case: a value that is missing, negative or infinite.
        """
        try:
            value = float(nonconformity)
        except (TypeError, ValueError):
            value = inf
        if not 0.0 <= value < inf:
            raise InputError(
                "a finite nonconformity >= 0",
                nonconformity,
                "leave audits out until their answer is known",
                case_id,
            )
        missed = value > self.quantile
        if not repeat:
            self.audits += 1
            self.misses += missed
        return missed

    def interval(
        self, predicted: ArrayLike, scale: ArrayLike | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the intervals on Dice in force.

        Parameters
        ----------
        predicted : array_like of float, shape (cases,)
            Predicted Dice.
        scale : array_like of float, shape (cases,), optional
            Positive, where the nonconformity has one.

        Returns
        -------
        (low, high) : tuple of ndarray of float64, shape (cases,)
            In [0, 1]; NaN while the intervals are empty.

        Notes
        -----
        Guarantee: see the class; none for these cases.
        """
        centre = checked_values("predicted Dice", predicted)
        width, quantile = checked_scale(scale, centre), self.quantile
        if quantile == -inf:
            return np.full(centre.shape, np.nan), np.full(centre.shape, np.nan)
        return bounded_ends(centre, centre, quantile, width, (0.0, 1.0))

    @property
    def bound(self) -> float:
        """How far the share of misses may lie from alpha by now; inf before the first audit."""
        if not self.audits:
            return inf
        reach = max(self.miscoverage, 1.0 - self.miscoverage) + self.step
        return reach / (self.step * self.audits)

    @property
    def promise(self) -> str:
        """What holds, in words for a person."""
        what = "A long-run average over audited cases"
        if not self.audits:
            return f"{what}: none yet. Nothing for one case, no confidence."
        number = f"{self.audits} audit{'s' if self.audits > 1 else ''}"
        return (
            f"{what}: after {number} the share of misses, {percent(self.misses / self.audits)}, "
            f"lies within {ceil(1e4 * self.bound) / 1e4:g} of {percent(self.miscoverage)}. "
            "Nothing for one case, no confidence."
        )

    def to_json(self) -> str:
        """Return the whole state as JSON, whose size does not grow with the audits."""
        state = {
            "schema": SCHEMA,
            "nonconformity": self._sorted.tolist(),
            "miscoverage": self.miscoverage,
            "step": self.step,
            "audits": self.audits,
            "misses": self.misses,
        }
        return json.dumps(state, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> AdaptiveMiscoverage:
        """Go on from `text`, as `to_json` wrote it.

        Raises
        ------
        FileFormatError
            If `text` is not such a state.
        """
        try:
            state: dict[str, Any] = json.loads(text)
            if state["schema"] != SCHEMA:
                raise ValueError(f"schema {state['schema']}")
            found = cls(state["nonconformity"], state["miscoverage"], state["step"])
            found.audits, found.misses = int(state["audits"]), int(state["misses"])
            if not 0 <= found.misses <= found.audits:
                raise ValueError(f"{found.misses} misses in {found.audits} audits")
        except (ValueError, KeyError, TypeError, InputError) as error:
            raise FileFormatError(
                f"a state of schema {SCHEMA}", on_one_line(error), "start again from a calibration"
            ) from error
        return found
