from fractions import Fraction

import numpy as np
import pytest

from segqc_conformal.calibrators.masks.search import (
    crc_budget,
    fewest_patients_for_crc,
    largest_threshold,
    within_crc,
)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.1, 0.15, 0.2, 0.3])
def test_a_sum_exactly_on_the_budget_is_within_it_for_every_number_of_patients(alpha):
    for n in range(fewest_patients_for_crc(alpha), 400):
        budget = crc_budget(n, alpha)
        assert budget == Fraction(str(alpha)) * (n + 1) - 1
        share = budget / n  # the same loss for every patient
        lost, counted = np.full(n, share.numerator), np.full(n, share.denominator)
        assert within_crc(lost, counted, alpha)
        # one voxel of ten million more, of one patient
        counted = counted * 10**7
        lost = lost * 10**7
        lost[0] += 1
        assert not within_crc(lost, counted, alpha)


def test_fewer_patients_than_the_fewest_have_no_budget():
    for alpha in (0.05, 0.1, 0.2, 0.3, 0.35):
        n = fewest_patients_for_crc(alpha)
        assert crc_budget(n, alpha) >= 0 > crc_budget(n - 1, alpha)


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_bisection_finds_every_number_of_the_dtype(bits):
    dtype = np.dtype(f"f{bits // 8}")
    rng = np.random.default_rng(0)
    smallest = float(np.nextafter(dtype.type(0), dtype.type(1)))
    for value in [smallest, *rng.random(50).astype(dtype).astype(float), 0.0]:
        assert largest_threshold(lambda t, v=value: t <= v, bits) == value


def test_ends_of_the_bisection():
    assert largest_threshold(lambda t: False) is None
    assert largest_threshold(lambda t: True) == 1.0
    assert largest_threshold(lambda t: t < 1.0) == np.nextafter(1.0, 0.0)
