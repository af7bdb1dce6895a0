"""A ball whose samples doubt one side of it, as an accumulator and as its structures."""

import numpy as np
import pytest

import segqc_conformal as sq


@pytest.fixture(scope="session")
def uncertainty() -> sq.UncertaintyAccumulator:
    """Take five samples of two structures; the second is doubted in the planes 2 to 5 of axis 1."""
    rng = np.random.default_rng(0)
    grid = np.indices((12, 14, 8))
    first = ((grid[0] - 3) ** 2 + (grid[1] - 6) ** 2 + (grid[2] - 4) ** 2) <= 9
    second = (grid[0] >= 7) & (grid[0] < 11) & (grid[1] >= 2) & (grid[1] < 12)
    doubted = second & (grid[1] < 6)
    found = sq.UncertaintyAccumulator(
        {"ball": 1, "bar": 2}, (1.0, 3.0, 0.5), maps=("b_map", "mutual_information")
    )
    for _ in range(5):
        ball, bar = 0.9 * first, np.where(doubted, rng.uniform(0.2, 0.8), 0.9 * second)
        found.update(np.stack([1.0 - ball - bar, ball, bar]))
    return found


@pytest.fixture(scope="session")
def structures(uncertainty: sq.UncertaintyAccumulator) -> dict[str, sq.JudgedStructure]:
    """Give the structures by name, judged by the mask without doubt."""
    grid = np.indices((12, 14, 8))
    mask = np.asarray(uncertainty.fused_mask())
    mask[(grid[0] >= 7) & (grid[0] < 11) & (grid[1] >= 2) & (grid[1] < 12)] = 2
    return {each.name: each for each in uncertainty.judged_structures(mask)}
