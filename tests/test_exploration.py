import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.calibrators.worst_shift import worst_rate
from segqc_conformal.errors import InputError
from segqc_conformal.exploration import Exploration
from segqc_conformal.patients import split_patients
from segqc_conformal.quality_gate import QualityGate

Cohort = Callable[..., pd.DataFrame]
FEW = {"tolerated_errors": [0.2], "dice_thresholds": [0.7], "miscoverages": [0.3]}


def scrambled(table: pd.DataFrame, patients: set[str]) -> pd.DataFrame:
    chosen = table["patient_id"].isin(patients)
    values = table["dice"].to_numpy().copy()
    values[chosen] = np.random.default_rng(0).permutation(values[chosen]) / 2
    return table.assign(dice=values)


@pytest.fixture(scope="module")
def found(cohort: Cohort, cheap: dict[str, Any]) -> Exploration:
    return QualityGate().explore(cohort(120, empty=0.03), candidates=cheap)


def test_every_choice_is_there_by_structure_and_for_the_whole_case(found: Exploration) -> None:
    assert found.outcomes["structure"].unique().tolist() == ["anterior", "posterior", "whole_case"]
    assert found.outcomes["dice_threshold"].unique().tolist() == [0.7, 0.75, 0.8, 0.85, 0.9]
    assert found.outcomes["tolerated_error"].unique().tolist() == [0.02, 0.05, 0.1, 0.15, 0.2]
    assert len(found.outcomes) == 75
    assert (found.patients_fit, found.patients_calibration) == (60, 60)
    assert len(found.curves) == 15


def test_outcomes_hang_together(found: Exploration) -> None:
    rows = found.outcomes
    product = rows["p_certify"] * rows["share_if_certified"].fillna(0.0)
    assert rows["share_accepted"].to_numpy() == pytest.approx(product.to_numpy())
    for _, by_threshold in rows.groupby(["structure", "tolerated_error"]):
        assert by_threshold["bad_share"].is_monotonic_increasing
    known = rows[rows["shift"].notna()]
    for row in known.itertuples():
        worst = worst_rate(row.tolerated_error, row.shift, row.share_if_certified)
        assert worst == pytest.approx(row.tolerated_error + 0.05)
    needed = rows["patients_needed"].dropna()
    assert all(isinstance(patients, int) for patients in needed)


def test_own_settings_are_explored_beside_the_others(cohort: Cohort, cheap: dict[str, Any]) -> None:
    settings = QualityGate(miscoverage=0.12, dice_threshold=0.83, tolerated_error=0.13)
    found = settings.explore(cohort(60), candidates=cheap, **FEW)
    assert found.outcomes["dice_threshold"].unique().tolist() == [0.7, 0.83]
    assert found.at(0.83)["tolerated_error"].unique().tolist() == [0.13, 0.2]
    assert found.widths["miscoverage"].unique().tolist() == [0.12, 0.3]


def test_scrambled_calibration_labels_change_nothing_and_fit_labels_do(
    cohort: Cohort, cheap: dict[str, Any]
) -> None:
    table = cohort(60, empty=0.03)
    fit, calibration = split_patients(table["patient_id"])

    def page(rows: pd.DataFrame) -> str:
        return QualityGate().explore(rows, candidates=cheap, **FEW).to_json()

    assert page(scrambled(table, calibration)) == page(table)
    assert page(scrambled(table, fit)) != page(table)


GATES = {
    "plain": {},
    "together": {"family": "all"},
    "many looks": {"looks": "many"},
    "by site": {"groups": "site"},
    "by site, together": {"groups": "site", "family": "all"},
    "with a subset": {"subsets": {"both": ["anterior", "posterior"]}},
    "PAC": {"interval_confidence": 0.9},
}


@pytest.mark.parametrize("kind", GATES)
def test_chance_at_the_own_settings_is_the_one_the_certificate_prints(
    cohort: Cohort, cheap: dict[str, Any], kind: str
) -> None:
    settings = QualityGate(tolerated_error=0.15, **GATES[kind])
    table = cohort(160, empty=0.03)
    gate = settings.calibrate(table, candidates=cheap)
    found = settings.explore(
        table, candidates=cheap, tolerated_errors=[], dice_thresholds=[], miscoverages=[]
    )
    rows = found.at(0.8)
    keys = rows["structure"], rows["group"] if "group" in rows else ["all"] * len(rows)
    forecast = dict(zip(zip(*keys, strict=True), rows["p_certify"], strict=True))
    printed = {
        (name, group): chance
        for name, entry in gate.certificate.structures.items()
        for group, chance in entry.certify_chances.items()
    }
    assert forecast == pytest.approx(printed)
    assert any(0.0 < chance for chance in printed.values())


def test_the_gate_certifies_by_the_rule_that_is_forecast(
    cohort: Cohort, cheap: dict[str, Any]
) -> None:
    gate = QualityGate().calibrate(cohort(80), candidates=cheap)
    for entry in gate.certificate.structures.values():
        rule = (entry.accept.procedure, entry.accept.starts, entry.accept.test, entry.accept.cases)
        assert rule == ("fixed sequence", 1, "binomial", "first")


def test_forecast_width_is_near_that_of_the_calibration(
    cohort: Cohort, cheap: dict[str, Any]
) -> None:
    table = cohort(400)
    gate = QualityGate().calibrate(table, candidates=cheap)
    verdicts = gate.judge(cohort(200, 5000))
    width = (verdicts["dice_high"] - verdicts["dice_low"]).groupby(verdicts["structure"]).mean()
    found = QualityGate().explore(
        table, candidates=cheap, tolerated_errors=[], dice_thresholds=[], miscoverages=[]
    )
    for row in found.widths.itertuples():
        assert row.width_low <= row.width <= row.width_high
        assert row.width == pytest.approx(width[row.structure], rel=0.15)


def test_another_threshold_ranks_by_the_score_it_would_have(
    cohort: Cohort, cheap: dict[str, Any]
) -> None:
    table = cohort(60)
    own = QualityGate(dice_threshold=0.7).explore(table, candidates=cheap, **FEW)
    other = QualityGate().explore(table, candidates=cheap, **FEW)
    pd.testing.assert_frame_equal(own.at(0.7), other.at(0.7)[lambda rows: own_errors(rows)])
    curves = [[c for c in each.curves if c.dice_threshold == 0.7] for each in (own, other)]
    assert curves[0] == curves[1]


def own_errors(rows: pd.DataFrame) -> pd.Series:
    return rows["tolerated_error"].isin([0.1, 0.2])


def test_too_few_patients_to_calibrate_is_a_result(cohort: Cohort, cheap: dict[str, Any]) -> None:
    found = QualityGate().explore(cohort(30), candidates=cheap, **FEW)
    assert found.patients_calibration == 0
    assert (found.outcomes["p_certify"] == 0).all()
    assert found.widths.empty
    assert json.loads(found.to_json())["widths"] == []


def test_json_holds_every_number(found: Exploration) -> None:
    numbers = json.loads(found.to_json())
    assert len(numbers["outcomes"]) == 75
    first = found.outcomes.iloc[0]
    assert numbers["outcomes"][0]["p_certify"] == first["p_certify"]
    none = found.outcomes["share_if_certified"].isna().to_numpy()
    assert [row["share_if_certified"] is None for row in numbers["outcomes"]] == none.tolist()
    assert numbers["curves"][0]["share_accepted"][-1] == 1.0
    assert numbers["settings"]["dice_threshold"] == 0.8


def test_percentages_are_refused(cohort: Cohort, cheap: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        QualityGate().explore(cohort(60), candidates=cheap, tolerated_errors=[10])
