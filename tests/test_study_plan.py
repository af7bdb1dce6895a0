import json

import pytest

from segqc_conformal.calibrators.planning import calibration_size
from segqc_conformal.calibrators.worst_shift import worst_rate
from segqc_conformal.errors import InputError
from segqc_conformal.study_plan import StudyPlan, study_plan


@pytest.fixture(scope="module")
def plan() -> StudyPlan:
    return study_plan()


def test_known_numbers(plan: StudyPlan) -> None:
    assert plan.accepted == (22, 38, 52, 65)
    assert [size.patients for size in plan.sizes[4:8]] == [49, 98, 193, 464]
    assert [size.error for size in plan.sizes[:4]] == [0.0, 0.02, 0.04, 0.06]
    assert (plan.accepted_share, plan.error_among_accepted) == (0.5, 0.02)


def test_looks_agree_with_the_rule_of_looks(plan: StudyPlan) -> None:
    looks = plan.looks[1]
    assert looks.one_look == 98
    assert looks.many_looks == tuple(
        calibration_size(0.5, 0.02, looks="many", look=look) for look in (1, 2, 3)
    )


def test_spreads_begin_where_an_interval_exists(plan: StudyPlan) -> None:
    assert plan.coverage[0].patients == 9
    assert plan.pac_coverage[0].patients == 22
    assert all(spread.low <= spread.mean <= spread.high for spread in plan.coverage)


def test_shifts_just_reach_their_limit(plan: StudyPlan) -> None:
    for shift in plan.shifts:
        reached = worst_rate(shift.promised, shift.shift, shift.accepted_share)
        assert reached == pytest.approx(shift.limit)
    assert [round(shift.shift, 6) for shift in plan.shifts] == [0.05, 0.015, 0.025, 0.035, 0.045]


def test_assumptions_replace_the_grids() -> None:
    plan = study_plan(accepted_share=0.6, error_among_accepted=0.05)
    assert [(size.accepted_share, size.error) for size in plan.sizes] == [(0.6, 0.05)]
    assert plan.needs[2].likely == plan.sizes[0].patients == calibration_size(0.6, 0.05)
    assert {size.error for size in plan.curves} == {0.05}


def test_nothing_accepted_is_a_plan_without_numbers() -> None:
    plan = study_plan(accepted_share=0.0)
    assert [size.patients for size in plan.sizes] == [None] * 4
    assert [shift.promise for shift in plan.shifts] == ["interval"]


def test_json_holds_every_number(plan: StudyPlan) -> None:
    numbers = json.loads(plan.to_json())
    assert numbers["needs"][2]["likely"] == 98
    assert numbers["sizes"][5] == {"accepted_share": 0.5, "error": 0.02, "patients": 98}
    assert numbers["coverage"][0]["patients"] == 9


@pytest.mark.parametrize("name", ["tolerated_error", "confidence", "miscoverage"])
def test_percentages_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} between 0 and 1"):
        study_plan(**{name: 10.0})


@pytest.mark.parametrize("name", ["accepted_share", "error_among_accepted"])
def test_shares_outside_0_to_1_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="accepted share and error in"):
        study_plan(**{name: 50.0})
