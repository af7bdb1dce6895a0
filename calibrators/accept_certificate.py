"""The certificate of one accept threshold: what was tested, what holds, what it spent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.accept_promise import accept_promise
from segqc_conformal.calibrators.checks import delta_of, finite_array
from segqc_conformal.calibrators.fixed_sequence import lone_share
from segqc_conformal.calibrators.looks import delta_of_look, look_in_words
from segqc_conformal.calibrators.planning import calibration_size, smallest_calibration_size

__all__ = ["AcceptCertificate", "ThresholdTest"]

FEW_PATIENTS = 40  # so few cannot rule out a certificate


@dataclass(frozen=True)
class ThresholdTest:
    """One tested threshold: what it accepted among the counted cases, and its p-value."""

    threshold: float
    accepted: int
    bad: int
    p_value: float


@dataclass(frozen=True)
class AcceptCertificate:
    """A calibrated accept threshold: what `AcceptThreshold.calibrate` returns.

    Parameters
    ----------
    dice_threshold, tolerated_error, confidence : float
        A case is bad if its Dice is <= `dice_threshold`; alpha and 1 - delta of the promise.
    patients : int
        Calibration patients counted.
    tests : tuple of ThresholdTest
        The thresholds tested, in order; in a fixed sequence the first failure included.
    not_reached : tuple of ThresholdTest
        Thresholds that were not tested: descriptive, they decided nothing.
    threshold : float or None
        Accept where the accept score is >= this; None: nothing can be certified.
    stricter : tuple of ThresholdTest
        Where nothing is certified, thresholds stricter than the start: descriptive as well. A
        larger calibration would start there.
    looks : {"one", "many"}
        Whether several looks at calibration labels share delta (see `delta_of_look`).
    look : int
        Number of this look.
    delta : float or None
        What this look spent on this threshold; None: all of 1 - `confidence`.
    test, cases : str
        P-value used, and what counts: the "first" case of a patient, the "mean" of all, or whether
        "any" is accepted.
    group : str or None
        The group of patients it is about; None: all.
    family_size : int
        Groups whose promises hold together with `confidence`; 1: each on its own.
    weighted : bool
        Whether the promise is about the population that known weights describe.
    mixture : tuple of str
        The groups whose mixture, in the proportions of this calibration, it is about; empty: it is
        about one population.
    procedure : str
    starts : int
        How the thresholds were tested (see `AcceptThreshold`).

    Notes
    -----
    Guarantee: see `promise`; what it assumes stands in `AcceptThreshold`.
    """

    dice_threshold: float
    tolerated_error: float
    confidence: float
    patients: int
    tests: tuple[ThresholdTest, ...]
    not_reached: tuple[ThresholdTest, ...]
    threshold: float | None
    stricter: tuple[ThresholdTest, ...] = ()
    looks: str = "one"
    look: int = 1
    delta: float | None = None
    test: str = "binomial"
    cases: str = "first"
    group: str | None = None
    family_size: int = 1
    weighted: bool = False
    mixture: tuple[str, ...] = ()
    procedure: str = "fixed sequence"
    starts: int = 1

    @cached_property
    def patients_needed(self) -> int | None:
        """Calibration patients for an 80 % chance of a certificate, as `segqc plan` has it.

        Fresh ones, or all up to the next look where many looks were declared. 0 if certified; else
        at the accepted share and error seen at the most promising threshold, with half a bad
        patient more than seen (zero observed errors are not zero errors) or, where fewer than 40
        patients leave that hopeless, with no more than seen; without calibration patients the
        fewest that can ever do; None if no number would do, if the grid is empty, and for betting
        tests, for which it is not computed. With several starts, or Holm's test, no other
        threshold is counted on to pass.
        """
        if self.threshold is not None:
            return 0
        if self.test != "binomial":
            return None
        if self.patients == 0:
            return calibration_size(1.0, 0.0, self.tolerated_error, self._next_confidence)
        if self.grid_is_empty:
            return None
        steps = (*self.stricter, *self.tests, *self.not_reached)
        seen = [step for step in steps if step.accepted]
        needed = self._needed(seen, bad_more=0.5)
        if needed is None and self.patients < FEW_PATIENTS:
            return self._needed(seen, bad_more=0.0)
        return needed

    @property
    def certified(self) -> bool:
        """Whether some cases can be accepted."""
        return self.threshold is not None

    @property
    def by_group(self) -> dict[str, AcceptCertificate]:
        """The certificate itself, by its group; "all" where it is about all patients."""
        return {"all" if self.group is None else self.group: self}

    @property
    def grid(self) -> tuple[float, ...]:
        """The thresholds fixed beforehand, tested ones first; with one start in test order."""
        return tuple(step.threshold for step in (*self.tests, *self.not_reached))

    @property
    def delta_spent(self) -> float:
        """What this look spent on this threshold, as a number."""
        return delta_of(self.confidence) if self.delta is None else self.delta

    @property
    def grid_is_empty(self) -> bool:
        """Whether there was no threshold to test."""
        return not self.grid

    @property
    def _next_confidence(self) -> float:
        next_look = self.look + 1 if self.looks == "many" else 1
        spent = delta_of_look(self.confidence, self.looks, next_look)
        thresholds = len(self.tests) + len(self.not_reached)
        share = lone_share(self.procedure, self.starts, thresholds)
        return 1.0 - spent / self.family_size * share

    def _needed(self, seen: list[ThresholdTest], bad_more: float) -> int | None:
        counted = max(self.patients, max((step.accepted for step in seen), default=0))
        return smallest_calibration_size(
            [
                (s.accepted / counted, (s.bad + bad_more) / (s.accepted + 2.0 * bad_more))
                for s in seen
            ],
            self.tolerated_error,
            self._next_confidence,
        )

    def accept(self, accept_score: ArrayLike) -> NDArray[np.bool_]:
        """Return which cases are accepted.

        Parameters
        ----------
        accept_score : array_like of float, shape (cases,)
            Accept scores; -inf for an empty prediction.

        Returns
        -------
        ndarray of bool, shape (cases,)
            All False where `threshold` is None.

        Notes
        -----
        Guarantee: see `promise`.
        """
        scores = finite_array("accept score", accept_score)
        if self.threshold is None:
            return np.zeros(scores.shape, dtype=bool)
        return np.asarray(scores >= self.threshold)

    @property
    def promise(self) -> str:
        """What holds, in words for a person."""
        return accept_promise(self)

    @property
    def spent(self) -> str:
        """What this look spent of the allowed error probability, in words."""
        return look_in_words(self.confidence, self.looks, self.look)

    def to_json(self) -> str:
        """Return the certificate as JSON."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> AcceptCertificate:
        """Read a certificate written by `to_json`."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> AcceptCertificate:
        """Read the parsed JSON of a certificate."""
        steps = {
            name: tuple(ThresholdTest(**step) for step in fields.get(name, ()))
            for name in ("tests", "not_reached", "stricter")
        }
        return cls(**{**fields, **steps, "mixture": tuple(fields.get("mixture", ()))})
