from fractions import Fraction

import numpy as np
import pytest

from segqc_conformal.calibrators.conformal_rank import conformal_quantile
from segqc_conformal.calibrators.slice_quantile import (
    largest_of_each_patient,
    one_slice_of_each_patient,
    random_slice_quantile,
)


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.2, 0.3])
def test_quantile_equals_the_weighted_sum_written_out(alpha):
    rng = np.random.default_rng(0)
    for _ in range(40):
        patients = np.repeat(np.arange(12), rng.integers(1, 8, 12))
        values = rng.integers(0, 30, patients.size) / 10
        sizes = np.bincount(patients)
        needed = (1 - Fraction(str(alpha))) * 13
        expected = None
        for v in np.unique(values)[::-1]:
            kept = patients[values <= v]
            if sum(Fraction(1, int(sizes[p])) for p in kept) >= needed:
                expected = float(v)
        assert random_slice_quantile(values, patients, alpha) == expected


@pytest.mark.parametrize("n", [3, 8, 9, 19, 99, 200])
def test_one_slice_per_patient_is_split_conformal(n):
    values = np.random.default_rng(n).random(n)
    for alpha in (0.05, 0.1, 0.25):
        expected = conformal_quantile(values, alpha, None)
        assert random_slice_quantile(values, np.arange(n), alpha) == expected
        # equal numbers of equal slices change nothing
        repeated = random_slice_quantile(values.repeat(7), np.arange(n).repeat(7), alpha)
        assert repeated == expected


def test_largest_of_each_patient_equals_a_loop():
    rng = np.random.default_rng(1)
    patients = rng.permutation(np.repeat(np.arange(9), 5))
    values = rng.normal(size=45)
    expected = [values[patients == p].max() for p in range(9)]
    assert largest_of_each_patient(values, patients).tolist() == expected


def test_one_slice_of_each_patient_is_uniform_and_seeded():
    patients = np.repeat(["a", "b"], [2, 5])
    rows = np.array([one_slice_of_each_patient(patients, seed) for seed in range(2000)])
    assert set(rows[:, 0]) == {0, 1}
    counts = np.bincount(rows[:, 1], minlength=7)[2:]
    assert counts.sum() == 2000
    assert (abs(counts - 400) < 4 * np.sqrt(2000 * 0.2 * 0.8)).all()
    assert np.array_equal(one_slice_of_each_patient(patients, 5), rows[5])


def test_no_slices():
    assert random_slice_quantile(np.empty(0), np.empty(0, dtype=int), 0.1) is None
    assert one_slice_of_each_patient([]).size == 0
