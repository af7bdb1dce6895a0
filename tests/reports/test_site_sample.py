import numpy as np
import pandas as pd
import pytest

from segqc_conformal.reports.site_sample import site_sample


def sites(**counts):
    names = np.repeat(list(counts), list(counts.values()))
    np.random.default_rng(0).shuffle(names)
    return pd.Series(names, index=[f"c{number}" for number in range(len(names))])


def test_shares_are_in_proportion_to_within_a_case_and_the_order_stays():
    every = sites(A=6_000, B=3_000, C=1_000)
    kept = site_sample(every, 1_000)
    assert every[kept].value_counts().to_dict() == {"A": 599, "B": 300, "C": 101}
    assert kept.tolist() == every.index[every.index.isin(kept)].tolist()


@pytest.mark.parametrize("most", [7, 50, 999])
def test_a_site_with_one_case_keeps_it(most):
    every = sites(A=900, B=100, C=1, D=1, E=1)
    kept = every[site_sample(every, most)]
    assert len(kept) == most
    assert set(kept) == set("ABCDE")


def test_few_cases_are_all_kept_and_many_sites_have_one_each():
    every = sites(A=5, B=5)
    assert site_sample(every, 10).tolist() == every.index.tolist()
    each = pd.Series([f"s{number}" for number in range(20)])
    assert len(site_sample(each, 10)) == 20
    assert len(site_sample(every[:0], 10)) == 0


def test_the_seed_decides():
    every = sites(A=500, B=500)
    samples = [site_sample(every, 100, seed).tolist() for seed in (0, 0, 1)]
    assert samples[0] == samples[1] != samples[2]
