import numpy as np
import pytest
from scipy import ndimage

from segqc_conformal.calibrators.masks.curve import mask_curve
from segqc_conformal.calibrators.masks.instances import instance_curve
from segqc_conformal.errors import InputError


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_curve_equals_counting_the_missed_parts_one_by_one(share, dtype):
    rng = np.random.default_rng(0)
    for _ in range(20):
        p = (rng.integers(0, 11, (9, 10)) / 10).astype(dtype)
        reference = rng.random((9, 10)) < 0.45
        curve = instance_curve(p, reference, share)
        labels, count = ndimage.label(reference)
        for t in np.arange(0, 11) / 10:
            exact = float(dtype(t))
            covered = [(p[labels == c] >= dtype(t)).sum() for c in range(1, count + 1)]
            sizes = [(labels == c).sum() for c in range(1, count + 1)]
            # ten times the share is whole: no rounding in the brute force
            missed = [10 * k < round(10 * share) * n for k, n in zip(covered, sizes, strict=True)]
            assert curve.fnr(exact) == np.mean(missed)


def test_no_instances_miss_nothing():
    curve = instance_curve(np.array([0.1, 0.2]), np.array([False, False]))
    assert curve.fnr([0.0, 0.5, 1.0]).tolist() == [0.0, 0.0, 0.0]


def test_one_part_covered_entirely_is_the_smallest_of_its_probabilities():
    p, reference = np.array([0.4, 0.9, 0.3, 0.1]), np.array([1, 1, 1, 0]) > 0
    assert instance_curve(p, reference, 1.0).inside.tolist() == [0.3]


def test_the_fdr_of_instances_is_refused():
    with pytest.raises(InputError, match="connected parts"):
        instance_curve(np.array([0.4]), np.array([True])).fdr(0.5)
    assert mask_curve(np.array([0.4]), np.array([True])).fdr(0.5) == 0.0


@pytest.mark.parametrize("share", [0.0, 1.1])
def test_impossible_shares_are_refused(share):
    with pytest.raises(InputError, match="covered_share"):
        instance_curve(np.array([0.4]), np.array([True]), share)
