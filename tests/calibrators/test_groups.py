import numpy as np
import pandas as pd
import pytest

from segqc_conformal.calibrators import DiceInterval, IntervalCertificate
from segqc_conformal.calibrators.conformal_rank import conformal_quantile
from segqc_conformal.calibrators.groups import calibrate_groups
from segqc_conformal.errors import InputError


def test_each_group_gets_the_quantile_of_its_own_patients() -> None:
    rng = np.random.default_rng(0)
    errors, groups = rng.random(90), np.repeat(["A", "B", "C"], [50, 25, 15])
    found = calibrate_groups(errors, groups, None, 0.1, None)
    assert found.patients == {"A": 50, "B": 25, "C": 15}
    assert found.nothing == ()
    assert found.quantiles == {
        name: conformal_quantile(errors[groups == name], 0.1, None) for name in "ABC"
    }


def test_small_groups_share_a_quantile_that_is_not_the_pooled_one() -> None:
    errors = np.r_[np.full(50, 0.01), np.full(6, 0.3), np.full(5, 0.4)]
    groups = np.repeat(["A", "B", "C"], [50, 6, 5])
    found = calibrate_groups(errors, groups, None, 0.1, None)
    assert found.quantiles == {"A": 0.01}
    assert found.other_quantiles == {"B": 0.4, "C": 0.4}
    assert found.other_patients == 11


def test_other_that_is_still_too_small_gets_the_whole_support() -> None:
    found = calibrate_groups(np.zeros(57), np.repeat(["A", "B", "C"], [50, 4, 3]), None, 0.1, None)
    assert found.nothing == ("B", "C")
    assert found.of(["B", "A"], 2).tolist() == [np.inf, 0.0]


def test_other_sorts_calibration_patients_as_if_the_new_one_counted() -> None:
    # by hand at .9: A has 9 patients and its own quantile, but would be small as a neighbour of a
    # new patient of B; the single patient of D serves D alone
    errors = np.r_[np.arange(9), np.full(3, 20.0), np.full(40, 1.0), [50.0]]
    groups = np.repeat(["A", "B", "C", "D"], [9, 3, 40, 1])
    found = calibrate_groups(errors, groups, None, 0.1, None)
    assert found.quantiles == {"A": 8.0, "C": 1.0}
    assert found.other_patients == 12
    assert found.other_quantiles == {"B": 20.0, "D": 50.0}


def test_unseen_and_missing_groups_get_the_whole_support() -> None:
    certificate = DiceInterval().calibrate(np.full(20, 0.8), np.full(20, 0.8), groups=["A"] * 20)
    low, high = certificate.interval(np.full(4, 0.8), groups=["A", "Z", None, np.nan])
    assert low.tolist() == pytest.approx([0.8, 0, 0, 0])
    assert high.tolist() == pytest.approx([0.8, 1, 1, 1])


@pytest.mark.parametrize("kind", ["object", "str", "category"])
def test_pandas_columns_and_numbers_read_as_text(kind: str) -> None:
    found = calibrate_groups(np.zeros(20), np.repeat([1, 2], 10), None, 0.1, None)
    assert found.of(pd.Series(["2", "3"], dtype=kind), 2).tolist() == [0.0, np.inf]


def test_a_number_and_its_text_are_one_group() -> None:
    labels = np.array([1, "1"] * 10, dtype=object)
    assert calibrate_groups(np.zeros(20), labels, None, 0.1, None).patients == {"1": 20}


def test_an_empty_text_is_a_group_like_any_other() -> None:
    found = calibrate_groups(np.zeros(20), ["", "A"] * 10, None, 0.1, None)
    assert found.of(["", "A", "B"], 3).tolist() == [0.0, 0.0, np.inf]


def test_with_confidence_small_groups_get_the_whole_support_and_no_other() -> None:
    errors, groups = np.linspace(0, 1, 70), np.repeat(["A", "B", "C"], [30, 21, 19])
    found = calibrate_groups(errors, groups, None, 0.1, 0.9)
    assert list(found.quantiles) == ["A"]
    assert (found.other_quantiles, found.other_patients) == ({}, 0)


def test_a_patient_counts_once_in_each_group() -> None:
    patients = np.tile(np.arange(12), 4)
    groups = np.repeat(["anterior", "anterior", "posterior", "posterior"], 12)
    errors = np.repeat([0.1, 9.0, 0.2, 9.0], 12)
    certificate = DiceInterval(support=(0, np.inf)).calibrate(
        np.zeros(48), errors, groups=groups, patients=patients
    )
    assert certificate.patients == 12
    assert certificate.groups is not None
    assert certificate.groups.patients == {"anterior": 12, "posterior": 12}
    assert certificate.groups.quantiles == {"anterior": 0.1, "posterior": 0.2}


def test_no_other_where_patients_have_cases_in_several_groups() -> None:
    patients = np.tile(np.arange(6), 2)
    found = calibrate_groups(np.zeros(12), np.repeat(["a", "b"], 6), patients, 0.1, None)
    assert found.nothing == ("a", "b")
    assert calibrate_groups(
        np.zeros(12), np.repeat(["a", "b"], 6), np.arange(12), 0.1, None
    ).other_quantiles == {"a": 0.0, "b": 0.0}


def test_a_case_without_group_cannot_calibrate() -> None:
    with pytest.raises(InputError, match="none in row 1"):
        calibrate_groups(np.zeros(3), ["A", None, "B"], None, 0.1, None)
    with pytest.raises(InputError, match=r"groups of shape \(3,\)"):
        calibrate_groups(np.zeros(3), ["A"], None, 0.1, None)


def test_promise_counts_every_group_and_json_is_exact() -> None:
    groups = np.repeat(["A", "B", "C"], [50, 6, 5])
    certificate = DiceInterval().calibrate(np.ones(61), np.linspace(0, 1, 61), groups=groups)
    assert "Within each group (calibration patients: A 50)" in certificate.promise
    assert "small groups (B 6, C 5)" in certificate.promise
    assert "from 11 calibration patients" in certificate.promise
    assert "Patients of groups not seen get the interval [0, 1]" in certificate.promise
    assert IntervalCertificate.from_json(certificate.to_json()) == certificate
    pac = DiceInterval(confidence=0.9).calibrate(np.ones(61), np.ones(61), groups=groups)
    assert "Patients of B 6, C 5 and groups not seen" in pac.promise


def test_other_keeps_coverage_and_the_groups_that_merely_look_small_would_not() -> None:
    # one hard group beside many easy, rare ones: it is small exactly when few of it were drawn
    rng = np.random.default_rng(1)
    shares = np.r_[0.5, np.full(30, 0.5 / 30)]
    kept = twin = judged = 0
    while judged < 1500:
        groups = rng.choice(31, 21, p=shares)
        errors = np.abs(rng.normal(0, np.where(groups == 0, 20.0, 1.0)))
        new, error, groups, errors = groups[0], errors[0], groups[1:], errors[1:]
        counts = np.bincount(groups, minlength=31)
        if not 1 <= counts[new] <= 8:
            continue
        judged += 1
        found = calibrate_groups(errors, groups, None, 0.1, None)
        kept += error <= found.of([new], 1)[0]
        naive = conformal_quantile(errors[counts[groups] <= 8], 0.1, None)
        twin += naive is None or error <= naive
    slack = 2 * np.sqrt(0.09 / judged)
    assert kept / judged >= 0.9 - slack
    assert twin / judged < 0.9 - 2 * slack


def test_confidence_holds_in_each_group_and_the_marginal_rule_does_not() -> None:
    rng = np.random.default_rng(2)
    groups = np.repeat(["A", "B"], [60, 30])

    def short(confidence: float | None) -> dict[str, float]:
        below = {"A": 0, "B": 0}
        for _ in range(600):
            found = calibrate_groups(rng.random(90), groups, None, 0.1, confidence)
            for name in below:
                below[name] += found.quantiles[name] < 0.9  # coverage of a uniform error
        return {name: count / 600 for name, count in below.items()}

    assert max(short(0.9).values()) <= 0.1 + 2 * np.sqrt(0.09 / 600)
    assert min(short(None).values()) > 0.3


def test_groups_are_told_in_the_same_order_before_and_after_json() -> None:
    groups = np.repeat(["z", "b", "a", "y", "c"], [30, 20, 6, 5, 1])
    for confidence in (None, 0.9):
        certificate = DiceInterval(confidence=confidence).calibrate(
            np.ones(62), np.ones(62), groups=groups
        )
        again = IntervalCertificate.from_json(certificate.to_json())
        assert again.promise == certificate.promise
        assert certificate.groups is not None
        assert list(certificate.groups.patients) == ["a", "b", "c", "y", "z"]
