"""Mask thresholds: voxels and lesions of a patient are never independent."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from guarantees_check import Cell, Rate, Run
from guarantees_worlds import Array
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import beta

from segqc_conformal.calibrators import MaskThreshold
from segqc_conformal.calibrators.masks.curve import MaskCurve
from segqc_conformal.calibrators.masks.risk_test import risk_p_value

ALPHA, CONFIDENCE, DELTA = 0.1, 0.9, 0.1
SPREAD = 1.5
NOTHING = np.empty(0, dtype=np.float32)
WORLDS = {"easy patients have large structures": 1.0, "voxels of a patient are alike": 0.1}
UNEQUAL, ALIKE = WORLDS


def _curves(n: int, within: float, rng: np.random.Generator) -> list[MaskCurve]:
    """Logits of the voxels of a reference: 2 + that of the patient + that of the voxel."""
    ease = rng.normal(0, SPREAD, n)
    logits = (2 + e + rng.normal(0, within, 400 if e > 0 else 20) for e in ease)
    return [MaskCurve(np.sort(1 / (1 + np.exp(-x))).astype(np.float32), NOTHING) for x in logits]


def _fnr(threshold: float | None, within: float) -> float:
    """Expected FNR of a new patient: the share of voxels below the threshold."""
    if not threshold:
        return 0.0
    logit = math.log(threshold / (1 - threshold))
    return float(ndtr((logit - 2) / math.hypot(within, SPREAD)))


def fnr_expected(run: Run, world: str, twin: str) -> Iterator[Cell]:
    """Share of the reference that is missed, on average over calibrations and patients."""
    rule, within = TWINS[twin], WORLDS[world]
    ours, twins = np.empty(run.draws), np.empty(run.draws)
    for i in range(run.draws):
        curves = _curves(run.n, within, run.rng)
        ours[i] = _fnr(MaskThreshold("s", tolerated=ALPHA).calibrate(curves).threshold, within)
        twins[i] = _fnr(rule(curves), within)
    yield Cell(
        "mask: share missed (CRC)",
        world,
        run.n,
        ALPHA,
        "above",
        Rate.of(ours),
        twin,
        Rate.of(twins),
    )


def _pooled(curves: list[MaskCurve]) -> float:
    voxels = np.sort(np.concatenate([curve.inside for curve in curves]))
    return float(voxels[int(ALPHA * (voxels.size + 1)) - 1])


def _uncorrected(curves: list[MaskCurve]) -> float:
    """The mean of the calibration patients bounded, without the new one."""
    candidates = np.unique(np.concatenate([curve.inside for curve in curves]))
    low, high = 0, candidates.size - 1
    while high - low > 1:
        middle = (low + high) // 2
        mean = np.mean([float(curve.fnr(candidates[middle])) for curve in curves])
        low, high = (middle, high) if mean <= ALPHA else (low, middle)
    return float(candidates[low])


POOLED, OBSERVED = "voxels pooled as patients", "observed mean ≤ α"
TWINS = {POOLED: _pooled, OBSERVED: _uncorrected}


def fnr_confident(run: Run, test: str) -> Iterator[Cell]:
    """The same with confidence; violated where the expected share of a new patient is larger."""
    settings = MaskThreshold("s", tolerated=ALPHA, confidence=CONFIDENCE, risk_test=test)
    expected, within = MaskThreshold("s", tolerated=ALPHA), WORLDS[UNEQUAL]
    ours, twin = np.empty(run.draws), np.empty(run.draws)
    for i in range(run.draws):
        curves = _curves(run.n, within, run.rng)
        ours[i] = _fnr(settings.calibrate(curves).threshold, within)
        twin[i] = _fnr(expected.calibrate(curves).threshold, within)
    yield Cell(
        f"mask: share missed, with confidence ({test})",
        UNEQUAL,
        run.n,
        DELTA,
        "above",
        Rate.of(ours > ALPHA),
        "CRC, which holds on average only",
        Rate.of(twin > ALPHA),
    )


def lesions(run: Run) -> Iterator[Cell]:
    """Share of missed lesions; patients with many lesions have easy ones."""
    settings = MaskThreshold("lesion", tolerated=ALPHA, covered_share=0.5)
    ours, twin = np.empty(run.draws), np.empty(run.draws)
    for i in range(run.draws):
        hard = run.rng.random(run.n) < 0.5
        found = [np.sort(run.rng.beta(2 if h else 6, 2, 2 if h else 40)) for h in hard]
        pooled = np.sort(np.concatenate(found))
        curves = [MaskCurve(levels, np.empty(0), 0.5) for levels in found]
        ours[i] = settings.calibrate(curves).threshold or 0.0
        twin[i] = pooled[int(ALPHA * (pooled.size + 1)) - 1]
    yield Cell(
        "mask: share of lesions missed (CRC)",
        "patients with many lesions have easy ones",
        run.n,
        ALPHA,
        "above",
        Rate.of(_missed_lesions(ours)),
        "lesions pooled as patients",
        Rate.of(_missed_lesions(twin)),
    )


def _missed_lesions(thresholds: Array) -> Array:
    return np.asarray(beta.cdf(thresholds[:, None], (2, 6), 2).mean(axis=1))


class GridCurve(MaskCurve):
    """A curve known on a grid only: masks of 20^13 voxels do not fit into memory."""

    def __init__(self, false: NDArray[Any], marked: NDArray[Any]) -> None:
        super().__init__(NOTHING, NOTHING)
        object.__setattr__(self, "counts", (false, marked))

    def false_and_marked(self, thresholds: Any) -> Any:
        return self.counts  # type: ignore[attr-defined]


def _grid_curves(
    n: int, share: float, rng: np.random.Generator
) -> tuple[list[MaskCurve], tuple[float, ...]]:
    """At each threshold most of the mask is new, and false with probability `share`."""
    voxels = 20 ** np.arange(14)
    false = np.cumsum(voxels * (rng.random((n, voxels.size)) < share), axis=1)
    grid = tuple(np.linspace(0.9, 0.1, voxels.size).tolist())
    return [GridCurve(f, np.cumsum(voxels)) for f in false], grid


def fdr_expected(run: Run) -> Iterator[Cell]:
    """Share of the mask that is false, .3 at every threshold where .25 is tolerated."""
    ours, twin = np.empty(run.draws), np.empty(run.draws)
    for i in range(run.draws):
        curves, grid = _grid_curves(run.n, 0.3, run.rng)
        found = MaskThreshold("s", "fdr", 0.25, grid=grid).calibrate(curves)
        ours[i] = 0.3 * (found.threshold is not None)
        losses = np.array([curve.fdr(grid) for curve in curves])
        twin[i] = 0.3 * ((losses.sum(axis=0) + 1) / (run.n + 1) <= 0.25).any()
    yield Cell(
        "mask: false share (CRC on the running maximum)",
        "false share .3 at every threshold",
        run.n,
        0.25,
        "above",
        Rate.of(ours),
        "CRC on the false share, which is not monotone",
        Rate.of(twin),
    )


def fdr_confident(run: Run) -> Iterator[Cell]:
    """The same with confidence where .3 is tolerated: any certificate counts as a violation."""
    ours, twin = np.empty(run.draws, bool), np.empty(run.draws, bool)
    test = "hoeffding-bentkus"
    for i in range(run.draws):
        curves, grid = _grid_curves(run.n, 0.3, run.rng)
        settings = MaskThreshold("s", "fdr", 0.3, CONFIDENCE, risk_test=test, grid=grid)
        ours[i] = settings.calibrate(curves).threshold is not None
        losses = np.array([curve.fdr(grid) for curve in curves])
        twin[i] = min(risk_p_value(test, column, 0.3) for column in losses.T) <= DELTA
    yield Cell(
        "mask: false share, with confidence",
        "false share .3 at every threshold",
        run.n,
        DELTA,
        "above",
        Rate.of(ours),
        "each threshold alone",
        Rate.of(twin),
    )
