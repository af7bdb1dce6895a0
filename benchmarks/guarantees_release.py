"""Batch selection and joint risk: promises on average over calibrations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from guarantees_check import Cell, Rate, Run, power
from guarantees_worlds import BORDERLINE, CASES, Array, Cases, Sample, shift_weights
from numpy.typing import NDArray

from segqc_conformal.calibrators import ConformalSelection, JointRiskThreshold

Q, JOINT = 0.1, 0.04
BATCH = 50


def _tied(sample: Sample, decimals: int | None) -> Sample:
    return sample if decimals is None else sample._replace(score=sample.score.round(decimals))


def selection(run: Run, decimals: int | None) -> Iterator[Cell]:
    """False discovery rate of batches; the twin forgets to count the case itself, or the ties."""
    ours, twin, taken = (np.empty(run.draws) for _ in range(3))
    for i in range(run.draws):
        cal = _tied(CASES.draw(run.n, run.rng), decimals)
        batch = _tied(CASES.draw(BATCH, run.rng), decimals)
        chosen = ConformalSelection(tolerated_error=Q).calibrate(cal.score, cal.dice)
        accepted = chosen.select(batch.score)
        ours[i], taken[i] = _bad_share(accepted, batch.dice), accepted.mean()
        twin[i] = _bad_share(_uncounted(cal, batch.score, ties=decimals is None), batch.dice)
    yield Cell(
        "batch selection: false discovery rate",
        "cases" if decimals is None else "cases, tied scores",
        run.n,
        Q,
        "above",
        Rate.of(ours),
        "case itself not counted" if decimals is None else "ties not counted",
        Rate.of(twin),
        power=power(taken),
    )


def _uncounted(cal: Sample, scores: Array, ties: bool) -> NDArray[np.bool_]:
    bad = np.sort(cal.score[cal.dice <= 0.8])
    side = "left" if ties else "right"
    above = bad.size - np.searchsorted(bad, scores, side=side)
    p = above / cal.score.size if ties else (1 + above) / (1 + cal.score.size)
    ordered = np.sort(p)
    passed = np.flatnonzero(ordered <= Q * np.arange(1, p.size + 1) / p.size)
    return np.asarray(p <= (ordered[passed[-1]] if passed.size else -1.0))


def _bad_share(accepted: NDArray[np.bool_], dice: Array) -> float:
    return float((dice[accepted] <= 0.8).sum() / max(1, accepted.sum()))


def weighted_selection(run: Run) -> Iterator[Cell]:
    """The same for batches of borderline patients, by known weights."""
    ours, twin, taken = (np.empty(run.draws) for _ in range(3))
    settings = ConformalSelection(tolerated_error=Q)
    for i in range(run.draws):
        cal, batch = CASES.draw(run.n, run.rng), BORDERLINE.draw(BATCH, run.rng)
        found = settings.calibrate(
            cal.score, cal.dice, weights=shift_weights(cal, BORDERLINE), weights_are="known"
        )
        accepted = found.select(batch.score, shift_weights(batch, BORDERLINE))
        ours[i], taken[i] = _bad_share(accepted, batch.dice), accepted.mean()
        plain = settings.calibrate(cal.score, cal.dice).select(batch.score)
        twin[i] = _bad_share(plain, batch.dice)
    yield Cell(
        "batch selection: false discovery rate, known weights",
        BORDERLINE.name,
        run.n,
        Q,
        "above",
        Rate.of(ours),
        "no weights",
        Rate.of(twin),
        power=power(taken),
    )


def joint_risk(run: Run, world: Cases) -> Iterator[Cell]:
    """P(accepted and bad), known exactly given the threshold."""
    ours, twin = np.empty(run.draws), np.empty(run.draws)
    for i in range(run.draws):
        cal = world.draw(run.n, run.rng)
        found = JointRiskThreshold(tolerated_releases=JOINT).calibrate(cal.score, cal.dice)
        ours[i] = np.nan if found.threshold is None else found.threshold
        bad = np.sort(cal.score[cal.dice <= 0.8])[::-1]
        released = int(JOINT * run.n + 1e-9)  # the twin: observed share <= alpha
        twin[i] = np.nextafter(bad[min(released, bad.size - 1)], 1.0)
    accepted, risk = world.released(ours)
    allowed = Fraction(str(JOINT)) * (run.n + 1)
    yield Cell(
        "joint risk: accepted and bad",
        world.name,
        run.n,
        JOINT,
        "above",
        Rate.of(risk),
        "observed share ≤ α",
        Rate.of(world.released(twin)[1]),
        expected=math.floor(allowed) / (run.n + 1),  # scores do not tie
        power=power(accepted),
    )


def weighted_joint_risk(run: Run) -> Iterator[Cell]:
    """The same for borderline patients, by known weights; judged on new patients."""
    ours, twin, taken = (np.empty(run.draws) for _ in range(3))
    settings = JointRiskThreshold(tolerated_releases=JOINT)
    for i in range(run.draws):
        cal, new = CASES.draw(run.n, run.rng), BORDERLINE.draw(BATCH, run.rng)
        found = settings.calibrate(
            cal.score, cal.dice, weights=shift_weights(cal, BORDERLINE), weights_are="known"
        )
        accepted = found.accept(new.score, shift_weights(new, BORDERLINE))
        ours[i], taken[i] = (accepted & (new.dice <= 0.8)).mean(), accepted.mean()
        plain = settings.calibrate(cal.score, cal.dice).accept(new.score)
        twin[i] = (plain & (new.dice <= 0.8)).mean()
    yield Cell(
        "joint risk: accepted and bad, known weights",
        BORDERLINE.name,
        run.n,
        JOINT,
        "above",
        Rate.of(ours),
        "no weights",
        Rate.of(twin),
        power=power(taken),
    )
