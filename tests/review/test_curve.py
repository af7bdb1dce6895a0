import numpy as np
import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.review.curve import perfect_curve, random_curve, review_curve, time_saved

ERRORS = np.array([0.0, 4.0, 1.0, 0.0, 3.0])


def test_the_random_curve_is_the_mean_over_orders():
    rng = np.random.default_rng(0)
    curves = [review_curve(rng.permutation(ERRORS), 2.0).found for _ in range(4000)]
    assert np.mean(curves, axis=0) == pytest.approx(random_curve(ERRORS, 2.0).found, abs=0.02)


def test_no_order_exceeds_the_perfect_one():
    rng, best = np.random.default_rng(1), perfect_curve(ERRORS, 2.0)
    for _ in range(50):
        assert (review_curve(rng.permutation(ERRORS), 2.0).found <= best.found + 1e-12).all()
    assert best.found[-1] == 0.8  # what lies beyond the list is never found


def test_points_of_a_curve():
    curve = review_curve([4.0, 0.0, 4.0, 0.0])
    assert curve.looked.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert curve.found_at(0.125) == 0.25
    assert curve.looked_for(0.5) == 0.25
    assert curve.looked_for(0.75) == 0.625
    assert curve.looked_for(0.0) == 0.0
    assert np.isnan(review_curve([1.0], 1.0).looked_for(0.8))


def test_time_saved_against_another_order():
    first, last = review_curve([1.0, 1.0, 0.0, 0.0]), review_curve([0.0, 0.0, 1.0, 1.0])
    assert time_saved(first, last, 1.0) == 0.5
    assert time_saved(last, first, 1.0) == -1.0


def test_counts_are_repeated_items():
    counts = np.array([2, 0, 1, 3, 1])
    repeated = review_curve(np.repeat(ERRORS, counts))
    counted = review_curve(ERRORS, counts=counts)
    assert counted.area == pytest.approx(repeated.area)


def test_without_errors_there_is_nothing_to_find():
    for errors in ([0.0, 0.0], [], [-1.0, 2.0], [np.nan]):
        with pytest.raises(InputError):
            review_curve(errors)
