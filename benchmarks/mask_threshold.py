"""The mask curve against MAPIE's SemanticSegmentationController: time, memory, same thresholds.

Run ``python benchmarks/mask_threshold.py`` (about two minutes on one core; ``--side 48`` seconds).
One case of side^3 voxels, side by side in one process: `mask_curve` holds the FNR and FDR at every
threshold, the controller computes one of them at 100 thresholds. Then both calibrate on the same
small cases: the FNR thresholds must agree; those of the FDR come from the same p-values, by Holm
there and by a fixed sequence here.
"""

from __future__ import annotations

import argparse
import tracemalloc
import warnings
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from mapie.risk_control import SemanticSegmentationController
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from segqc_conformal.calibrators.masks.curve import mask_curve
from segqc_conformal.calibrators.masks.threshold import MaskThreshold

GRID = np.arange(0.005, 1, 0.01)


def blob(side: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Probabilities and reference mask of one ball-like structure, of side^3 voxels."""
    axis = np.linspace(-1, 1, side)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij", sparse=True)
    rough = gaussian_filter(rng.normal(size=(side,) * 3), 2.0)
    depth = 0.5 - np.sqrt(x**2 + y**2 + z**2) + rough
    logits = 12 * (depth + 0.5 * gaussian_filter(rng.normal(size=(side,) * 3), 1.5))
    return (1 / (1 + np.exp(-logits))).astype(np.float32), depth > 0


def controller(risk: str, target: float, confidence: float | None) -> Any:
    """Return MAPIE's controller for cases given as (n, 1, rows, columns): it needs 2-D images."""
    return SemanticSegmentationController(
        predict_function=lambda cases: cases,
        risk=risk,
        target_level=target,
        confidence_level=confidence,
        predict_params=GRID,
    )


def flat(cases: list[NDArray[Any]]) -> NDArray[Any]:
    """Stack 3-D cases as (n, 1, rows, columns)."""
    return np.stack([case.reshape(1, case.shape[0], -1) for case in cases])


def timed(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Return (fastest seconds, peak MB of one more run)."""
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        seconds.append(perf_counter() - start)
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return min(seconds), peak


def speed(side: int) -> None:
    """Time and memory of one case."""
    probabilities, reference = blob(side, np.random.default_rng(0))
    mapie_p, mapie_y = flat([probabilities]), flat([reference]).reshape(1, -1).astype(int)
    theirs = timed(
        lambda: controller("recall", 0.9, None).compute_risks(mapie_p, mapie_y, _refit=True), 1
    )
    print(f"one {side}^3 case, float32, {reference.mean():.1%} reference voxels")
    print(f"  MAPIE, FNR at 100 thresholds            {theirs[0]:8.3f} s {theirs[1]:8.1f} MB")
    for dtype in (np.float32, np.float16, np.float64):
        case = probabilities.astype(dtype)
        ours = timed(lambda case=case: mask_curve(case, reference), 7)
        ratio = theirs[0] / ours[0]
        print(
            f"  mask_curve, FNR and FDR everywhere, {np.dtype(dtype).name} {ours[0]:8.4f} s "
            f"{ours[1]:6.1f} MB   {ratio:6.0f} x"
        )
    curve = mask_curve(probabilities, reference)
    risks = controller("recall", 0.9, None).compute_risks(mapie_p, mapie_y, _refit=True)._risks[0]
    print(f"  largest difference of the FNR {np.abs(risks - curve.fnr(GRID)).max():.1e}")


def thresholds(cases: int, side: int = 12) -> None:
    """Certified thresholds of both on the same cases: FNR by CRC, FDR by LTT."""
    rng = np.random.default_rng(1)
    pairs = [blob(side, rng) for _ in range(cases)]
    x = flat([p for p, _ in pairs])
    y = np.stack([r.ravel() for _, r in pairs]).astype(int)
    curves = [mask_curve(p, r) for p, r in pairs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MAPIE warns where nothing is controlled
        for alpha in (0.05, 0.1, 0.2):
            recall = controller("recall", 1 - alpha, None).calibrate(x, y)
            theirs = float(recall.best_predict_param[0])
            ours = MaskThreshold("ball", tolerated=alpha).calibrate(curves).threshold
            floor = float(GRID[GRID <= (ours or 0.0)].max(initial=GRID[0]))
            print(f"  FNR <= {alpha:.2f}: MAPIE {theirs:.3f}, ours {ours}, on its grid {floor:.3f}")
            mapie = controller("precision", 1 - alpha, 0.9).calibrate(x, y)
            valid = mapie.valid_predict_params[0]
            settings = MaskThreshold(
                "ball", "fdr", alpha, 0.9, risk_test="hoeffding-bentkus", grid=tuple(GRID[::-1])
            )
            fdr = settings.calibrate(curves).threshold
            print(
                f"  FDR <= {alpha:.2f}: MAPIE (Holm) {min(valid, default=None)}, "
                f"ours (fixed sequence) {fdr}"
            )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--cases", type=int, default=100)
    arguments = parser.parse_args()
    speed(arguments.side)
    print(f"{arguments.cases} cases of 12^3, certified thresholds")
    thresholds(arguments.cases)


if __name__ == "__main__":
    main()
