"""The accept decision: which cases may pass without a human, with a bounded error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.accept_certificate import AcceptCertificate, ThresholdTest
from segqc_conformal.calibrators.accept_combinations import check_combination, check_weights
from segqc_conformal.calibrators.accept_groups import (
    TEST_OF_OTHER,
    GroupedAcceptCertificate,
    split_groups,
)
from segqc_conformal.calibrators.checks import LARGEST, check_open_unit, finite_array
from segqc_conformal.calibrators.fixed_sequence import holm, lone_share, sequence_levels
from segqc_conformal.calibrators.labelled_scores import LabelledScores, labelled_scores
from segqc_conformal.calibrators.looks import delta_of_look
from segqc_conformal.calibrators.threshold_tests import stricter_thresholds, threshold_tests
from segqc_conformal.errors import InputError

__all__ = ["AcceptCertificate", "AcceptThreshold", "ThresholdTest"]


@dataclass(frozen=True)
class AcceptThreshold:
    """Settings of a certified accept threshold.

    Parameters
    ----------
    dice_threshold : float, default 0.8
        A case is bad if its Dice is <= this.
    tolerated_error : float, default 0.1
        alpha in (0, 1): allowed share of bad cases among the accepted.
    confidence : float, default 0.9
        1 - delta in (0, 1), over the calibration draw.
    looks : {"one", "many"}, default "one"
        "many", declared before the first look: look k spends ``delta / (k (k + 1))`` and may count
        earlier patients again. "one": a later calibration needs fresh patients only.
    look : int, default 1
        Number of this look.
    starts : int, default 1
        Starts of the sequence, spread evenly over the grid, with an equal share of delta each;
        a threshold that passes hands on what it was tested at.
    procedure : {"fixed sequence", "holm"}
    test : {"binomial", "betting"}
        The exact binomial test of the accepted patients, or a test of the joint loss over all
        patients: weaker, but it carries weights and patient means.
    cases : {"first", "mean", "any"}
        What the promise counts. "first": patients, by one case each. "mean": cases, each counting
        1 / (number of cases of its patient). "any": patients with any accepted case (slice,
        visit), bad if an accepted one is bad.
    family : {"each", "all"}
        With groups: each promise holds with `confidence` on its own, or all hold together
        (delta / number of promises).
    largest_weight : float, optional
        Bound of the known weights over the whole population, in their own unit.

    Notes
    -----
    Guarantee: with probability >= 1 - delta over the calibration draw (over all looks together),
    P(dice <= dice_threshold given accepted) <= alpha, or nothing is accepted. Assumes independent,
    identically distributed patients, a grid made without calibration labels or scores, with many
    looks sizes that do not depend on labels seen (fixed, or by a calendar), and, with weights,
    that they are proportional to the density ratio of new to calibration population.
    With ``cases="mean"`` it is E[share of a patient's cases accepted and bad] <= alpha E[share
    accepted]; with "any", P(some accepted case is bad given that some case is accepted) <= alpha.
    Not promised: the share of bad cases in one batch, or any single case.
    Source: Angelopoulos et al., Learn then Test, Ann. Appl. Stat. 19 (2025); starts: Wiens (2003);
    the binomial test is applied to the accepted patients alone, which is exact because, given
    their number, the bad ones among them are binomial.

    Examples
    --------
    >>> score = np.linspace(0, 1, 200)
    >>> certificate = AcceptThreshold().calibrate(score, 0.75 + 0.2 * score, grid=[0.7, 0.4, 0.1])
    >>> certificate.threshold, [test.bad for test in certificate.tests]
    (0.4, [0, 0, 30])
    """

    dice_threshold: float = 0.8
    tolerated_error: float = 0.1
    confidence: float = 0.9
    looks: str = "one"
    look: int = 1
    starts: int = 1
    procedure: str = "fixed sequence"
    test: str = "binomial"
    cases: str = "first"
    family: str = "each"
    largest_weight: float | None = None

    def __post_init__(self) -> None:
        """Check the settings, and refuse combinations without a theorem."""
        check_open_unit(
            dice_threshold=self.dice_threshold,
            tolerated_error=self.tolerated_error,
            confidence=self.confidence,
        )
        delta_of_look(self.confidence, self.looks, self.look)
        check_combination(self.procedure, self.starts, self.test, self.cases, self.family)

    @overload
    def calibrate(
        self,
        accept_score: ArrayLike,
        dice: ArrayLike,
        grid: ArrayLike,
        groups: None = None,
        weights: ArrayLike | None = None,
        weights_are: str | None = None,
        patients: ArrayLike | None = None,
    ) -> AcceptCertificate: ...

    @overload
    def calibrate(
        self,
        accept_score: ArrayLike,
        dice: ArrayLike,
        grid: ArrayLike | Mapping[str, ArrayLike],
        groups: ArrayLike,
        weights: ArrayLike | None = None,
        weights_are: str | None = None,
        patients: ArrayLike | None = None,
    ) -> GroupedAcceptCertificate: ...

    def calibrate(
        self,
        accept_score: ArrayLike,
        dice: ArrayLike,
        grid: ArrayLike | Mapping[str, ArrayLike],
        groups: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        weights_are: str | None = None,
        patients: ArrayLike | None = None,
    ) -> AcceptCertificate | GroupedAcceptCertificate:
        """Test the thresholds of `grid` in order until one fails.

        Parameters
        ----------
        accept_score : array_like of float, shape (cases,)
            Higher is better; -inf for an empty prediction.
        dice : array_like of float, shape (cases,)
            True Dice in [0, 1].
        grid : array_like of float, shape (thresholds,)
            Thresholds in test order, the first is the start, made without calibration labels or
            scores (see `accept_grid`). With groups also a mapping by group ("other" for the small
            ones).
        groups : array_like, shape (cases,), optional
            Group of each case, known without its label: one threshold per group (see
            `GroupedAcceptCertificate`).
        weights : array_like of float, shape (cases,), optional
            Density ratio of new to calibration population, up to a factor; needs `weights_are`.
        weights_are : {"known"}, optional
            Estimated weights are refused: they carry no confidence (see `JointRiskThreshold`).
        patients : array_like, shape (cases,), optional
            Patient of each case; with ``cases="first"`` the first row of each patient counts, so
            sort by time. None: every row is its own patient.

        Returns
        -------
        AcceptCertificate, or GroupedAcceptCertificate where `groups` are given

        Raises
        ------
        InputError
            For NaN or out-of-range values, unequal lengths, missing patients or groups and
            combinations without a theorem. "Nothing can be certified" is a result, not an
            error.
        """
        sample = labelled_scores(accept_score, dice, self.dice_threshold, patients, weights)
        check_weights(sample, weights_are, self.test, self.cases, self.largest_weight)
        if groups is None:
            if isinstance(grid, Mapping):
                raise InputError("one grid where there are no groups", "a mapping", "pass groups")
            return self._certify(sample, grid, self._delta)
        return self._certify_groups(sample, grid, groups)

    @property
    def _delta(self) -> float:
        return delta_of_look(self.confidence, self.looks, self.look)

    def _certify_groups(
        self, sample: LabelledScores, grid: ArrayLike | Mapping[str, ArrayLike], groups: ArrayLike
    ) -> GroupedAcceptCertificate:
        def grid_of(name: str) -> ArrayLike:
            return grid.get(name, []) if isinstance(grid, Mapping) else grid

        def lone_delta(name: str) -> float:
            thresholds = np.size(np.asarray(grid_of(name)))
            return self._delta * lone_share(self.procedure, self.starts, thresholds)

        together = self.family == "all"
        split = split_groups(
            sample, groups, self.tolerated_error, lone_delta, self.test, together=together
        )
        promises = len(split.own) + (split.other is not None)
        shared = max(promises, 1) if together else 1

        def certify(name: str, part: LabelledScores, test: str) -> AcceptCertificate:
            settings = replace(self, test=test)
            found = settings._certify(part, grid_of(name), self._delta / shared)
            return replace(found, group=name, family_size=shared)

        own = {name: certify(name, part, self.test) for name, part in split.own.items()}
        other = None
        if split.other is not None:
            other = replace(certify("other", split.other, TEST_OF_OTHER), mixture=split.small)
        return GroupedAcceptCertificate(own, other, split.small, split.patients)

    def _certify(self, sample: LabelledScores, grid: ArrayLike, delta: float) -> AcceptCertificate:
        thresholds = finite_array("grid", grid, low=-LARGEST, high=LARGEST)
        if self.cases == "first":
            sample = sample.first_of_each_patient()
        steps = self._tests(sample, thresholds)
        p = np.array([step.p_value for step in steps])
        levels = sequence_levels(p, delta, self.starts)
        # a level of 0 was never reached, also where a p-value underflows to 0
        sequence = (levels > 0.0) & (p <= levels)
        holds = sequence if self.procedure == "fixed sequence" else holm(p, delta)
        reached = (levels > 0.0) | (self.procedure == "holm")
        passed = [step.threshold for step, ok in zip(steps, holds, strict=True) if ok]
        strict = np.empty(0) if passed else stricter_thresholds(thresholds, sample.scores)
        return AcceptCertificate(
            dice_threshold=self.dice_threshold,
            tolerated_error=self.tolerated_error,
            confidence=self.confidence,
            patients=sample.patient_count,
            tests=tuple(step for step, ok in zip(steps, reached, strict=True) if ok),
            not_reached=tuple(step for step, ok in zip(steps, reached, strict=True) if not ok),
            threshold=min(passed, default=None),
            stricter=tuple(self._tests(sample, strict)),
            looks=self.looks,
            look=self.look,
            delta=delta,
            test=self.test,
            cases=self.cases,
            weighted=sample.weights is not None,
            procedure=self.procedure,
            starts=self.starts,
        )

    def _tests(
        self, sample: LabelledScores, thresholds: NDArray[np.float64]
    ) -> list[ThresholdTest]:
        alpha, bound = self.tolerated_error, self.largest_weight
        return threshold_tests(sample, thresholds, alpha, self.test, self.cases, bound)
