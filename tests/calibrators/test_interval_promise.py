import numpy as np
import pytest

from segqc_conformal.calibrators import DiceInterval

Y = np.linspace(0, 1, 60)


@pytest.mark.parametrize(
    ("side", "claim"),
    [
        ("two-sided", "interval contains the true Dice with probability at least 90%"),
        ("lower", "true Dice is at least the lower end with probability at least 90%"),
        ("upper", "true Dice is at most the upper end with probability at least 90%"),
    ],
)
def test_a_marginal_promise_names_its_side_and_what_it_averages(side: str, claim: str) -> None:
    promise = DiceInterval(side=side).calibrate(Y, Y).promise
    assert claim in promise
    assert "averaged over calibrations and over accepted and referred cases alike" in promise


def test_a_pac_promise_names_its_confidence_and_the_calibration() -> None:
    promise = DiceInterval(confidence=0.9).calibrate(Y, Y).promise
    assert promise.startswith("With 90% confidence in this calibration of 60 patients")


def test_groups_with_confidence_hold_separately() -> None:
    groups = np.repeat(["A", "B"], 30)
    promise = DiceInterval(confidence=0.9).calibrate(Y, Y, groups=groups).promise
    assert "for each group separately (calibration patients: A 30, B 30)" in promise


def test_only_unknown_groups_are_left_without_a_promise_where_all_are_large() -> None:
    groups = np.repeat(["A", "B"], 30)
    promise = DiceInterval().calibrate(Y, Y, groups=groups).promise
    assert "small groups" not in promise
    assert promise.endswith("says nothing, and are to be referred.")


def test_no_group_at_all_promises_nothing() -> None:
    promise = DiceInterval().calibrate([], [], groups=[]).promise
    assert promise.startswith("Too few calibration patients (0) for an interval at 90%: every")


def test_another_measure_is_called_by_its_name_and_support() -> None:
    settings = DiceInterval(support=(0, np.inf), measure="HD95 (mm)")
    promise = settings.calibrate(Y, Y, weights=np.ones(60), weights_are="known").promise
    assert "the interval contains the true HD95 (mm)" in promise
    assert "gets [0, inf)" in promise
