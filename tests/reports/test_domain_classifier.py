import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu, norm

from segqc_conformal.reports.domain_classifier import (
    DomainClassifier,
    auc_interval,
    domain_classifier,
)


def cases(count, seed, shift=0.0):
    values = np.random.default_rng(seed).normal(size=(count, 5))
    values[:, 3] += shift
    return pd.DataFrame(values, columns=list("abcde"))


def test_a_shifted_column_is_ranked_first_on_patients_not_fitted():
    found = domain_classifier(cases(300, 0), cases(200, 1, shift=1.0))
    assert isinstance(found, DomainClassifier)
    assert found.low > 0.5
    assert found.importance["column"].iloc[0] == "d"
    assert (found.fitted, found.held_out) == ((150, 100), (150, 100))
    # a normal shift of 1 sd: no score does better than 0.760
    assert found.low < norm.cdf(1.0 / np.sqrt(2.0)) < found.high + 0.05


def test_without_a_change_and_with_shuffled_labels_it_is_chance():
    same = domain_classifier(cases(300, 2), cases(200, 3))
    assert same.low <= 0.5 <= same.high
    both = pd.concat([cases(300, 0), cases(200, 1, shift=1.0)])
    both = both.sample(frac=1.0, random_state=4)
    shuffled = domain_classifier(both[:300], both[300:])
    assert shuffled.low <= 0.5 <= shuffled.high
    assert shuffled.importance["drop"].iloc[0] < 0.1


def test_missing_constant_and_infinite_values_do_not_stop_it():
    then, now = cases(100, 5), cases(100, 6)
    now.loc[:, "a"] = np.nan
    then.loc[:30, "b"] = np.inf
    now.loc[:, "c"] = 1.0
    found = domain_classifier(then, now)
    assert found.low > 0.5
    assert np.isfinite(found.importance["drop"]).all()


def test_too_few_patients_and_no_column_are_said_in_words():
    few = domain_classifier(cases(100, 7), cases(39, 8))
    assert few == (
        "Not fitted: it needs 40 calibration patients and 40 recent ones, to fit on one half and "
        "to look at the other; there are 100 and 39."
    )
    assert "no column" in domain_classifier(cases(50, 7)[[]], cases(50, 8)[[]])


def test_many_patients_are_sampled():
    found = domain_classifier(cases(5_000, 9)[["d"]], cases(100, 10)[["d"]])
    assert (found.fitted, found.held_out) == ((1_000, 50), (1_000, 50))


@pytest.mark.parametrize("seed", range(40))
def test_the_interval_holds_chance_where_a_rank_test_does_not_reject(seed):
    rng = np.random.default_rng(seed)
    old, new = rng.normal(size=70), rng.normal(0.3, 1.0, size=50)
    auc = float((new[:, None] > old).mean())
    low, high = auc_interval(auc, 70, 50)
    test = mannwhitneyu(new, old, method="asymptotic", use_continuity=False)
    assert (low <= 0.5 <= high) == (test.pvalue >= 0.05)


def missed(cases_claimed):
    """Share of intervals that leave out the true area, of 60 against 60 normal values."""
    rng, shift = np.random.default_rng(1), 1.0
    truth, count = norm.cdf(shift / np.sqrt(2.0)), 0
    for _ in range(1_000):
        old, new = rng.normal(size=60), rng.normal(shift, 1.0, size=60)
        low, high = auc_interval(float((new[:, None] > old).mean()), cases_claimed, cases_claimed)
        count += not low <= truth <= high
    return count / 1_000


def test_the_interval_holds_the_true_area_and_one_of_too_many_cases_does_not():
    assert missed(60) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1_000)
    assert missed(240) > 0.2
