from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from segqc_conformal.calibrators import AcceptThreshold
from segqc_conformal.calibrators.accept_groups import GroupedAcceptCertificate
from segqc_conformal.errors import InputError


def sites(rng: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    """A is large and good, B large and bad, C and D small and good, E tiny."""
    names = np.repeat(["A", "B", "C", "D", "E"], [120, 120, 15, 15, 2])
    score = rng.random(names.size)
    return score, np.where((names == "B") & (rng.random(names.size) < 0.5), 0.5, 0.9), names


def test_each_large_group_equals_its_own_calibration() -> None:
    score, dice, names = sites(np.random.default_rng(0))
    found = AcceptThreshold().calibrate(score, dice, [0.5, 0.1], groups=names)
    for name in "AB":
        rows = names == name
        own = AcceptThreshold().calibrate(score[rows], dice[rows], [0.5, 0.1])
        assert found.own[name].tests == own.tests
        assert found.threshold[name] == own.threshold
    assert found.threshold["A"] == 0.1
    assert found.threshold["B"] is None
    assert "of group A" in found.own["A"].promise


def test_small_groups_together_are_other_and_unseen_ones_refer() -> None:
    score, dice, names = sites(np.random.default_rng(0))
    found = AcceptThreshold().calibrate(score, dice, [0.0], groups=names)
    assert found.small == ("C", "D", "E")
    assert found.other is not None
    assert (found.other.patients, found.other.test) == (32, "betting")
    groups = ["A", "B", "C", "E", "unseen", None, "C"]
    accepted = found.accept([0.9, 0.9, 0.9, 0.9, 9.0, 9.0, -np.inf], groups)
    assert accepted.tolist() == [True, False, True, True, False, False, False]
    assert (
        "at most 10% of accepted patients of the mixture of C, D, E in the proportions of this "
        "calibration have Dice <= 0.8, among new patients of that mixture; none of its groups "
        "alone is promised anything."
    ) in found.promise


def test_too_few_patients_in_all_small_groups_are_referred() -> None:
    names = np.repeat(["A", "B", "C"], [60, 10, 9])
    found = AcceptThreshold().calibrate(np.ones(79), np.full(79, 0.9), [0.0], groups=names)
    assert found.other is None
    assert found.threshold == {"A": 0.0, "B": None, "C": None}
    assert "so referred: B, C" in found.promise


def test_grids_by_group_and_a_group_without_one_refers() -> None:
    names = np.repeat(["A", "B"], 60)
    grids = {"A": [0.5]}
    found = AcceptThreshold().calibrate(np.ones(120), np.full(120, 0.9), grids, groups=names)
    assert found.threshold == {"A": 0.5, "B": None}


def test_a_patient_counts_once_in_a_group() -> None:
    patients, names = np.arange(20).repeat(3), np.full(60, "A")
    settings = AcceptThreshold()
    found = settings.calibrate(
        np.ones(60), np.full(60, 0.9), [0.0], groups=names, patients=patients
    )
    assert found.patients == {"A": 20}
    assert found.threshold == {"A": None}


def test_json_round_trip_is_exact() -> None:
    score, dice, names = sites(np.random.default_rng(1))
    found = AcceptThreshold(family="all").calibrate(score, dice, [0.5, 0.1], groups=names)
    assert GroupedAcceptCertificate.from_json(found.to_json()) == found


def test_a_missing_group_is_refused_in_calibration() -> None:
    with pytest.raises(InputError, match="a group for each case"):
        AcceptThreshold().calibrate([0.1, 0.2], [0.9, 0.9], [0.0], groups=["A", None])


def violations(family: str, draws: int) -> tuple[float, float]:
    """Share of draws in which a given, or any, of five groups certifies at an error of .1."""
    rng, settings = np.random.default_rng(2), AcceptThreshold(family=family)
    names = np.repeat(list("ABCDE"), 120)
    one = some = 0
    for _ in range(draws):
        dice = np.where(rng.random(names.size) < 0.1, 0.5, 0.9)
        found = settings.calibrate(np.ones(names.size), dice, [0.0], groups=names)
        passed = [limit is not None for limit in found.threshold.values()]
        one, some = one + passed[0], some + any(passed)
    return one / draws, some / draws


def test_each_group_keeps_its_promise_and_all_together_only_with_a_shared_delta() -> None:
    draws = 200
    slack = 2 * np.sqrt(0.1 * 0.9 / draws)
    one, some = violations("each", draws)
    assert one <= 0.1 + slack
    assert some > 0.1 + slack  # the twin: separate promises read as a joint one
    assert violations("all", draws)[1] <= 0.1 + slack


def test_other_keeps_its_promise_for_a_mixture_of_unequal_groups_and_pooling_does_not() -> None:
    """Ten small sites at errors 0 and .2, so .1 in their mixture; one large site without errors."""
    rng, draws = np.random.default_rng(3), 200
    names = np.repeat([*(f"s{i}" for i in range(10)), "large"], [*[20] * 10, 300])
    risk = np.repeat([*[0.0, 0.2] * 5, 0.0], [*[20] * 10, 300])
    certified = pooled = 0
    for _ in range(draws):
        dice = np.where(rng.random(names.size) < risk, 0.5, 0.9)
        found = AcceptThreshold().calibrate(np.ones(names.size), dice, [0.0], groups=names)
        certified += found.threshold["s1"] is not None
        everyone = AcceptThreshold().calibrate(np.ones(names.size), dice, [0.0])
        pooled += everyone.threshold is not None
    assert certified / draws <= 0.1 + 2 * np.sqrt(0.1 * 0.9 / draws)
    assert pooled / draws > 0.9  # the twin: the threshold of all patients for the small sites


def test_a_group_named_other_is_refused() -> None:
    with pytest.raises(InputError, match='a group named "other"'):
        AcceptThreshold().calibrate([0.1, 0.2], [0.9, 0.9], [0.0], groups=["A", "other"])


def test_the_promise_survives_json_whatever_the_order_of_the_groups() -> None:
    names = np.repeat(["b", "a", "d", "c"], [60, 60, 20, 12])
    found = AcceptThreshold().calibrate(np.ones(152), np.full(152, 0.9), [0.0], groups=names)
    again = GroupedAcceptCertificate.from_json(found.to_json())
    assert (list(found.own), found.small) == (["a", "b"], ("c", "d"))
    assert again.promise == found.promise
    assert again.to_json() == found.to_json()


@pytest.mark.parametrize(
    ("settings", "grid", "fewest"),
    [
        ({}, [0.2, 0.1], 22),
        # the levels are .1 / 2, the last .1 / 3: two own groups, and "other" beside them
        ({"starts": 2}, [0.2, 0.1], 29),
        ({"procedure": "holm"}, [0.2, 0.1], 29),
        ({"family": "all"}, [0.2, 0.1], 33),
    ],
)
def test_a_group_is_small_below_the_fewest_that_a_lone_threshold_needs(
    settings: dict[str, Any], grid: list[float], fewest: int
) -> None:
    accept = AcceptThreshold(**settings)
    for size, small in ((fewest, ("C",)), (fewest - 1, ("B", "C"))):
        names = np.repeat(["A", "B", "C"], [200, size, 2])
        found = accept.calibrate(np.ones(names.size), np.full(names.size, 0.9), grid, groups=names)
        assert found.small == small
        if small == ("C",):
            assert found.threshold["B"] == 0.1


def test_many_tiny_groups_leave_the_large_ones_their_thresholds() -> None:
    names = np.r_[np.repeat(["A", "B", "C"], 60), [f"s{i}" for i in range(50)]]
    found = AcceptThreshold(family="all").calibrate(
        np.ones(230), np.full(230, 0.9), [0.0], groups=names
    )
    assert list(found.own) == ["A", "B", "C"]
    assert found.own["A"].family_size == 4
    assert found.other is not None


def test_weights_with_small_groups_that_would_be_pooled_are_refused() -> None:
    settings = AcceptThreshold(test="betting", largest_weight=1.0)

    def calibrate(sizes: list[int]) -> GroupedAcceptCertificate:
        names = np.repeat(["A", "B", "C"], sizes)
        ones = np.ones(names.size)
        return settings.calibrate(
            ones, 0.9 * ones, [0.0], groups=names, weights=ones, weights_are="known"
        )

    with pytest.raises(InputError, match=r"small groups would be pooled.*B, C"):
        calibrate([60, 20, 20])
    assert calibrate([60, 5, 5]).threshold == {"A": 0.0, "B": None, "C": None}


def test_patients_with_any_accepted_slice_are_counted_in_other_as_well() -> None:
    patients = np.arange(80).repeat(2)
    names = np.where(patients < 40, "A", np.where(patients < 60, "B", "C"))
    bad = (patients >= 40) & (np.arange(160) % 2 == 1)  # one bad slice of two, in B and C
    found = AcceptThreshold(cases="any").calibrate(
        np.ones(160), np.where(bad, 0.5, 0.9), [0.5], groups=names, patients=patients
    )
    assert found.other is not None
    assert (found.other.tests[0].accepted, found.other.tests[0].bad) == (40, 40)
    assert found.threshold == {"A": 0.5, "B": None, "C": None}
