from itertools import product

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from segqc_conformal.errors import InputError
from segqc_conformal.evaluation.grades import krippendorff_alpha, weighted_kappa


@pytest.fixture(params=range(4))
def grades(request):
    rng = np.random.default_rng(request.param)
    reference = rng.integers(1, 5, 30)
    return np.clip(reference + rng.integers(-1, 2, 30), 1, 4), reference


@pytest.mark.parametrize("weighting", ["linear", "quadratic"])
def test_kappa_is_that_of_scikit_learn(grades, weighting):
    grade, reference = grades
    expected = cohen_kappa_score(grade, reference, weights=weighting)
    assert weighted_kappa(grade, reference, weighting=weighting) == pytest.approx(expected)


def alpha_over_pairs(grade, reference, level):
    """Observed over expected disagreement, from all pairs of values."""
    values = np.concatenate([grade, reference])
    counts = {value: int(np.sum(values == value)) for value in np.unique(values)}

    def distance(a, b):
        if level == "nominal":
            return float(a != b)
        if level == "interval":
            return float(a - b) ** 2
        low, high = min(a, b), max(a, b)
        between = sum(count for value, count in counts.items() if low <= value <= high)
        return (between - (counts[a] + counts[b]) / 2) ** 2 if a != b else 0.0

    observed = np.mean([distance(a, b) for a, b in zip(grade, reference, strict=True)])
    n = len(values)
    apart = [distance(values[i], values[j]) for i, j in product(range(n), repeat=2) if i != j]
    return 1.0 - observed / np.mean(apart)


@pytest.mark.parametrize("level", ["ordinal", "interval", "nominal"])
def test_alpha_is_that_of_all_pairs(grades, level):
    grade, reference = grades
    expected = alpha_over_pairs(grade, reference, level)
    assert krippendorff_alpha(grade, reference, level=level) == pytest.approx(expected)


def test_published_example_without_missing_grades():
    # Krippendorff, Computing alpha-reliability (2011), example A: two observers, binary, alpha .095
    a = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    b = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert krippendorff_alpha(a, b, level="nominal") == pytest.approx(0.095, abs=5e-4)


def test_one_grade_only_says_nothing():
    assert np.isnan(weighted_kappa([2, 2], [2, 2]))
    assert np.isnan(krippendorff_alpha([2, 2], [2, 2]))


def test_unknown_settings_are_refused():
    with pytest.raises(InputError, match="linear"):
        weighted_kappa([1], [1], weighting="cubic")
    with pytest.raises(InputError, match="ordinal"):
        krippendorff_alpha([1], [1], level="ratio")
