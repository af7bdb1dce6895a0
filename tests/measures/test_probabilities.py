from math import log, log10, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.measures import entropies, probabilities, size

SHAPES = st.sampled_from([(14,), (9, 8), (7, 6, 8)])
KINDS = st.sampled_from(["blob", "noise", "empty", "full", "one voxel", "corner"])


def brute_force(case, w: np.ndarray, voxel_mm3: float) -> dict[str, float]:
    p, judged = case.p, case.judged
    held, total = w[judged].sum(), (w * p).sum()
    within = (w * p)[judged].sum()
    uncertain = (p > 0.205) & (p < 0.795)
    either = w[uncertain | judged].sum()
    mm3 = held * voxel_mm3
    return {
        **{
            name: np.average(case.maps[name][judged], weights=w[judged]) if held else log(3)
            for name in entropies.MEANINGS
        },
        "soft_dice_confidence": 2 * within / (total + held),
        "mean_probability": within / held if held else 0.0,
        "probability_outside": (w * p)[~judged].sum() / total if held else 1.0,
        "uncertain_mass": (w * p * (1 - p)).sum() / (total + held) if held else 1.0,
        "uncertain_volume_fraction": w[uncertain].sum() / either if held else 1.0,
        "volume_ml": mm3 / 1000,
        "log_volume": log10(1 + mm3),
    }


@settings(max_examples=80, deadline=None)
@given(shape=SHAPES, kind=KINDS, seed=st.integers(0, 10**6), weighted=st.booleans())
def test_probabilities_entropies_and_size_equal_brute_force(draw, shape, kind, seed, weighted):
    shape = (prod(shape),) if weighted else shape
    weights = np.random.default_rng(seed).uniform(0.1, 3.0, shape) if weighted else None
    case = draw(seed, shape, kind, weights=weights)
    result = {
        **probabilities.probabilities(case.structure),
        **entropies.entropies(case.structure),
        **size.size(case.structure),
    }
    filled = np.ones(shape) if weights is None else weights
    expected = brute_force(case, filled, prod(case.spacing) if weights is None else 1.0)
    assert result.keys() == expected.keys()
    for name, value in expected.items():
        # p (1 - p) is computed in float32.
        tolerance = 1e-5 if name == "uncertain_mass" else 1e-6
        assert result[name] == pytest.approx(value, rel=tolerance, abs=1e-9), name
        assert type(result[name]) is float
