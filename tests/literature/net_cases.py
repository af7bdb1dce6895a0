"""Small images of a disc and a bar, and masks of them that are wrong in a known way.

A mask alone tells nothing of its quality: it is drawn first, and the truth slips away from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from segqc_conformal.dice import dice
from segqc_conformal.quality.net import QualityCase, QualityNet

__all__ = [
    "BOTH",
    "area_under_roc",
    "disc_and_bar",
    "discs",
    "shuffled_masks",
    "skill",
    "tiny_net",
    "true_dice",
]

SIDE = 16
BOTH = {"disc": 1, "bar": 2}


def tiny_net(**settings: Any) -> QualityNet:
    """Settings of a net that trains on a hundred such images in seconds."""
    small = {
        "dimensions": 2,
        "grid": (SIDE, SIDE),
        "channels": (6, 12),
        "inputs": ("image", "mask"),
    }
    fast = {"epochs": 25, "patience": 25, "batch_size": 16, "learning_rate": 1e-2}
    return QualityNet(**({"structures": {"disc": 1}} | small | fast | settings))


def discs(number: int, seed: int, noise: float = 0.2, **fields: Any) -> list[QualityCase]:
    """Return bright discs, one for each patient, 0 to 5 pixels away from its mask."""
    rng, cases = np.random.default_rng(seed), []
    for place in range(number):
        mask = _disc(rng)
        slip = int(rng.integers(0, 6) * rng.choice([-1, 1]))
        reference = np.roll(mask, slip, axis=int(rng.integers(2)))
        image = reference + rng.normal(0.0, noise, reference.shape)
        cases.append(_case(f"{seed}-{place}", image, mask, reference, **fields))
    return cases


def disc_and_bar(number: int, seed: int, slips: Sequence[int] = range(6)) -> list[QualityCase]:
    """Return images of a disc and a bar, each with a slip of its own, drawn from `slips`."""
    rng, cases = np.random.default_rng(seed), []
    for place in range(number):
        disc, bar = _disc(rng, low=9.6, smallest=3.5), np.zeros((SIDE, SIDE), bool)
        bar[2:5, :8] = True
        bar = np.roll(bar, int(rng.integers(SIDE)), axis=1)
        mask = np.where(bar, 2, disc.astype(int))
        steps = rng.choice(slips, 2) * rng.choice([-1, 1], 2)
        moved = [np.roll(one, step, axis=1) for one, step in zip((disc, bar), steps, strict=True)]
        reference = np.where(moved[1], 2, moved[0].astype(int))
        image = reference / 2.0 + rng.normal(0.0, 0.1, reference.shape)
        cases.append(_case(f"{seed}-{place}", image, mask, reference))
    return cases


def shuffled_masks(cases: Sequence[QualityCase], times: int = 1) -> list[QualityCase]:
    """Give each case mask and reference of another one: its image tells nothing of its quality.

    Several times, each with others, where one order could agree with the qualities by chance.
    """
    rng, shuffled = np.random.default_rng(0), []
    for time in range(times):
        for case, other in zip(cases, rng.permutation(len(cases)), strict=True):
            labels = {"mask": cases[other].mask, "reference": cases[other].reference}
            shuffled.append(replace(case, case_id=f"{case.case_id}/{time}", **labels))
    return shuffled


def true_dice(cases: Sequence[QualityCase], label: int = 1) -> NDArray[np.float64]:
    """Return the Dice of judged and reference mask of each case."""
    return np.array([dice(case.mask == label, case.reference == label) for case in cases])


def area_under_roc(values: NDArray[Any], positive: NDArray[np.bool_]) -> float:
    """Return how often a positive has the larger value, ties counted half."""
    ranks, yes, no = rankdata(values), int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - yes * (yes + 1) / 2) / (yes * no))


def skill(truth: NDArray[Any], said: NDArray[Any]) -> float:
    """Return the share of the variance of the truth that is explained; <= 0 for a guess.

    A rank correlation would not do for twins: a net that learned nothing says nearly the same of
    all cases, and the rest may happen to go with the truth.
    """
    return 1.0 - float(np.mean((np.asarray(said) - truth) ** 2) / np.var(truth))


def _disc(rng: np.random.Generator, low: float = 6.0, smallest: float = 2.5) -> NDArray[np.bool_]:
    centre, radius = rng.uniform(low, 10.0, 2), rng.uniform(smallest, 4.5)
    grid = np.indices((SIDE, SIDE))
    return np.asarray(((grid - centre[:, None, None]) ** 2).sum(axis=0) <= radius**2)


def _case(
    name: str, image: NDArray[Any], mask: NDArray[Any], reference: NDArray[Any], **fields: Any
) -> QualityCase:
    return QualityCase(
        f"c{name}",
        f"p{name}",
        image,
        mask.astype(int),
        reference=reference.astype(int),
        spacing_mm=(1.0, 1.0),
        **fields,
    )
