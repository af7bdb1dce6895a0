import numpy as np
import pytest

from segqc_conformal.calibrators.accept import AcceptCertificate, AcceptThreshold


@pytest.mark.parametrize(("family", "words"), [(2, "of 1 other group)"), (3, "of 2 other groups)")])
def test_a_promise_says_how_many_groups_it_holds_together_with(family: int, words: str) -> None:
    certificate = AcceptCertificate(0.8, 0.1, 0.9, 60, (), (), 0.5, family_size=family)
    assert words in certificate.promise


def test_the_mean_of_cases_is_named_by_the_weight_of_each_case() -> None:
    found = AcceptThreshold(cases="mean", test="betting").calibrate(
        np.ones(120), np.full(120, 0.9), [0.5], patients=np.arange(60).repeat(2)
    )
    expected = (
        "at most 10% of accepted cases, each counting 1 / (number of cases of its patient), have "
        "Dice <= 0.8"
    )
    assert expected in found.promise


def test_what_mean_promises_differs_from_the_share_of_bad_patients() -> None:
    """All patients have one bad case of ten: a tenth of the cases, but every patient, is bad."""
    patients, dice = np.arange(60).repeat(10), np.tile([0.5] + [0.9] * 9, 60)
    score = np.ones(600)
    mean = AcceptThreshold(tolerated_error=0.2, cases="mean", test="betting")
    anyone = AcceptThreshold(tolerated_error=0.2, cases="any")
    assert mean.calibrate(score, dice, [0.5], patients=patients).threshold == 0.5
    assert anyone.calibrate(score, dice, [0.5], patients=patients).threshold is None


def test_the_betting_test_names_no_number_of_patients() -> None:
    found = AcceptThreshold(test="betting").calibrate(np.linspace(0, 1, 15), [0.9] * 15, [0.0])
    assert found.threshold is None
    assert found.patients_needed is None
    assert "how many patients it takes is not computed for this test" in found.promise


def test_an_empty_grid_says_that_nothing_was_tested() -> None:
    found = AcceptThreshold().calibrate(np.ones(60), np.full(60, 0.9), [])
    assert found.patients_needed is None
    assert "the grid holds no threshold, so nothing was tested" in found.promise


def test_without_patients_the_fewest_are_named_though_the_grid_is_empty() -> None:
    assert "at least 22 calibration patients" in AcceptThreshold().calibrate([], [], []).promise
