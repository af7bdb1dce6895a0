import tracemalloc

import numpy as np
import pytest
from mapie.risk_control import SemanticSegmentationController

from segqc_conformal.calibrators.masks.curve import at_least, mask_curve
from segqc_conformal.errors import GeometryError, InputError


def brute_force(probabilities, reference, threshold):
    mask = np.array([float(p) >= threshold for p in probabilities.ravel()])
    inside = reference.ravel()
    missed, false = (inside & ~mask).sum(), (mask & ~inside).sum()
    return missed / max(inside.sum(), 1), false / max(mask.sum(), 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(30,), (5, 7), (4, 3, 5), (2, 3, 2, 4)])
@pytest.mark.parametrize("levels", [5, 10**6])
def test_curve_equals_brute_force_at_every_probability_and_just_beside(shape, dtype, levels):
    rng = np.random.default_rng(len(shape))
    probabilities = (rng.integers(0, levels + 1, shape) / levels).astype(dtype)
    reference = rng.random(shape) < 0.4
    values = np.unique(probabilities).astype(np.float64)
    thresholds = np.unique(np.r_[values, np.nextafter(values, 2), np.nextafter(values, -1), 0.1])
    curve = mask_curve(probabilities, reference)
    expected = [brute_force(probabilities, reference, t) for t in thresholds]
    assert np.array_equal(curve.fnr(thresholds), [fnr for fnr, _ in expected])
    assert np.array_equal(curve.fdr(thresholds), [fdr for _, fdr in expected])
    for t in thresholds[::7]:
        assert np.array_equal(at_least(probabilities, t), probabilities.astype(np.float64) >= t)


def test_empty_masks_count_as_the_module_says():
    none, some = np.zeros(4, dtype=bool), np.array([1, 1, 0, 0]) > 0
    probabilities = np.array([0.2, 0.3, 0.4, 0.5])
    assert mask_curve(probabilities, none).fnr([0.0, 1.0]).tolist() == [0.0, 0.0]
    assert mask_curve(probabilities, none).fdr([0.0, 1.0]).tolist() == [1.0, 0.0]
    assert mask_curve(probabilities, some).fnr(0.6) == 1.0
    assert mask_curve(probabilities, some).fdr(0.6) == 0.0


def test_minus_zero_of_a_half_is_zero():
    curve = mask_curve(np.array([-0.0, 0.5, 1.0], dtype=np.float16), np.array([1, 1, 1]) > 0)
    assert curve.inside.tolist() == [0.0, 0.5, 1.0]


def test_transposed_volumes_give_the_same_curve():
    rng = np.random.default_rng(3)
    p, reference = rng.random((4, 5, 6)), rng.random((4, 5, 6)) < 0.3
    curve, turned = mask_curve(p, reference), mask_curve(p.T, reference.T)
    assert np.array_equal(curve.inside, turned.inside)
    assert np.array_equal(curve.outside, turned.outside)


def test_the_input_is_left_as_it_was():
    p = np.array([0.9, 0.1, 0.5])
    mask_curve(p, np.array([1, 0, 1]) > 0)
    assert p.tolist() == [0.9, 0.1, 0.5]


def test_risks_equal_those_of_mapie_on_its_grid():
    rng = np.random.default_rng(4)
    p, reference = rng.random((6, 8)), rng.random((6, 8)) < 0.4
    for risk in ("recall", "precision"):
        controller = SemanticSegmentationController(
            lambda x: x, risk=risk, confidence_level=None if risk == "recall" else 0.9
        )
        controller.compute_risks(p[None, None], reference.reshape(1, -1).astype(int))
        curve, grid = mask_curve(p, reference), controller.predict_params
        ours = curve.fnr(grid) if risk == "recall" else curve.fdr(grid)
        kept = np.array([(p > t).any() for t in grid])  # MAPIE has another rule for empty masks
        assert np.allclose(controller._risks[0][kept], ours[kept], atol=1e-12)


def test_memory_is_little_more_than_one_copy():
    rng = np.random.default_rng(5)
    p = rng.random((64, 64, 64), dtype=np.float32)
    reference = p > 0.9
    tracemalloc.start()
    mask_curve(p, reference)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * p.nbytes


@pytest.mark.parametrize("bad", [np.nan, 1.01, -0.1, np.inf])
def test_what_are_not_probabilities_is_refused(bad):
    with pytest.raises(InputError, match="probabilities"):
        mask_curve(np.array([0.5, bad]), np.array([True, False]))


def test_labels_and_other_shapes_are_refused():
    with pytest.raises(InputError, match="float16"):
        mask_curve(np.array([0, 1]), np.array([True, False]))
    with pytest.raises(InputError, match="boolean"):
        mask_curve(np.array([0.1, 1.0]), np.array([0, 1]))
    with pytest.raises(GeometryError):
        mask_curve(np.array([0.1, 1.0]), np.array([[True, False]]))
