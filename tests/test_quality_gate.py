from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from sklearn.compose import make_column_transformer
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

from segqc_conformal.calibration_rows import hashed_patients
from segqc_conformal.calibrators.accept import AcceptThreshold
from segqc_conformal.calibrators.accept_grid import accept_grid
from segqc_conformal.errors import IdentityError, InputError
from segqc_conformal.features.table import check_feature_table
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.patients import split_patients
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.scoring import score_rows

Cohort = Callable[..., pd.DataFrame]
Candidates = dict[str, Any]


def patients_of(gate: CalibratedGate, role: str) -> int:
    rows = gate.profile[gate.profile["role"] == role]
    return int(rows["case"].nunique())


@pytest.mark.parametrize("name", ["miscoverage", "dice_threshold", "tolerated_error", "confidence"])
@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, 90.0, float("nan")])
def test_settings_outside_0_1_are_refused(name: str, value: float) -> None:
    with pytest.raises(InputError, match=name):
        QualityGate(**{name: value})


def test_half_of_the_patients_fit_and_the_others_calibrate(
    gate: CalibratedGate, cohort: Cohort
) -> None:
    table = cohort(200, empty=0.03)
    fit, calibration = split_patients(table["patient_id"])
    lineage = gate.certificate.lineage
    for part, name in ((fit, "fit_patients"), (calibration, "calibration_patients")):
        assert lineage[name] == hashed_patients(table[table["patient_id"].isin(part)])
    assert not set(lineage["fit_patients"]) & set(lineage["calibration_patients"])
    assert (patients_of(gate, "fit"), patients_of(gate, "calibration")) == (100, 100)
    data = gate.certificate.data
    assert (data["patients_fit"], data["patients_calibration"]) == (100, 100)
    assert "0012" not in gate.certificate.to_json()


def test_the_split_is_not_drawn_anew_by_order_labels_or_settings(
    cohort: Cohort, cheap: Candidates
) -> None:
    table = cohort(60)
    first = QualityGate().calibrate(table, candidates=cheap).certificate.lineage
    other = table.sample(frac=1.0, random_state=1).assign(dice=lambda rows: 1.0 - rows["dice"])
    again = QualityGate(tolerated_error=0.2).calibrate(other, candidates=cheap)
    assert again.certificate.lineage == first
    seeded = QualityGate(seed=1).calibrate(table, candidates=cheap)
    assert seeded.certificate.lineage != first


def test_a_patient_with_repeat_visits_is_in_one_part_and_counts_once_by_the_first(
    cohort: Cohort, cheap: Candidates
) -> None:
    table = cohort(60)
    later = table.assign(
        case_id="b" + table["patient_id"],
        time=table["time"] + pd.Timedelta(days=400),
        dice=0.123,
    )
    both = pd.concat([later, table], ignore_index=True)
    gate = QualityGate().calibrate(both, candidates=cheap)
    assert (patients_of(gate, "fit"), patients_of(gate, "calibration")) == (30, 30)
    assert not (gate.profile["dice"] == 0.123).any()
    first = both.groupby("patient_id")["time"].min()
    assert set(gate.profile["time"]) == set(first)
    # without times a hash of the case id decides, not the order of the rows
    timeless = both.drop(columns="time")
    one = QualityGate().calibrate(timeless, candidates=cheap)
    two = QualityGate().calibrate(timeless.iloc[::-1], candidates=cheap)
    assert sorted(one.profile["dice"]) == sorted(two.profile["dice"])


def test_named_fit_patients_are_honoured(cohort: Cohort, cheap: Candidates) -> None:
    table = cohort(70)
    named = [f"{number:04d}" for number in range(0, 70, 3)]
    gate = QualityGate().calibrate(table, fit_patients=named, candidates=cheap)
    chosen = table["patient_id"].isin(named)
    assert gate.certificate.lineage["fit_patients"] == hashed_patients(table[chosen])
    assert gate.certificate.lineage["calibration_patients"] == hashed_patients(table[~chosen])
    with pytest.raises(InputError, match="fit_patients"):
        QualityGate().calibrate(table, fit_patients=["nobody"], candidates=cheap)
    everyone = QualityGate().calibrate(
        table, fit_patients=table["patient_id"].unique(), candidates=cheap
    )
    assert everyone.certificate.structures["whole_case"].accept.patients == 0


@pytest.mark.parametrize("column", ["model_id", "sampler_id", "schema_version", "judged"])
def test_mixed_identity_is_refused(cohort: Cohort, cheap: Candidates, column: str) -> None:
    table = cohort(40)
    table.loc[3, column] = "other"
    with pytest.raises(IdentityError, match=column):
        QualityGate().calibrate(table, candidates=cheap)


@pytest.mark.parametrize("patients", [1, 2, 8, 19])
def test_fewer_than_20_labelled_patients_promise_nothing_but_say_how_many_more(
    cohort: Cohort, cheap: Candidates, patients: int
) -> None:
    gate = QualityGate().calibrate(cohort(patients), candidates=cheap)
    assert patients_of(gate, "calibration") == 0
    new = cohort(20, 5000)
    verdicts = gate.judge(new)
    assert (verdicts["dice_low"] == 0.0).all()
    assert (verdicts["dice_high"] == 1.0).all()
    assert (verdicts["reason"] == "cannot_certify").all()
    assert not verdicts["accept"].any()
    entry = gate.certificate.structures["whole_case"]
    assert entry.accept.patients_needed == 22
    assert verdicts["message"].str.contains("at least 22 calibration patients").all()
    assert "[0, 1]" in entry.interval.promise


def test_40_labelled_patients_are_split(cohort: Cohort, cheap: Candidates) -> None:
    gate = QualityGate().calibrate(cohort(40), candidates=cheap)
    assert (patients_of(gate, "fit"), patients_of(gate, "calibration")) == (20, 20)
    entry = gate.certificate.structures["whole_case"]
    assert entry.interval.patients == 20
    assert entry.interval.quantile is not None
    assert entry.accept.threshold is None
    assert entry.accept.patients_needed is not None
    assert entry.accept.patients_needed > 22
    assert f"about {entry.accept.patients_needed} fresh" in entry.accept.promise


def test_unlabelled_patients_do_not_count_towards_the_40(cohort: Cohort, cheap: Candidates) -> None:
    table = cohort(80)
    table.loc[table["patient_id"] >= "0039", "dice"] = np.nan
    gate = QualityGate().calibrate(table, candidates=cheap)
    assert patients_of(gate, "calibration") == 0
    assert gate.certificate.data["cases_unlabelled"] == 41


@pytest.mark.parametrize("calibration", [8, 9])
def test_an_interval_needs_9_calibration_patients_at_90_percent(
    cohort: Cohort, cheap: Candidates, calibration: int
) -> None:
    table = cohort(40 + calibration)
    gate = QualityGate().calibrate(
        table, fit_patients=[f"{number:04d}" for number in range(40)], candidates=cheap
    )
    width = gate.judge(cohort(30, 5000)).eval("dice_high - dice_low")
    assert (width == 1.0).all() == (calibration == 8)
    for entry in gate.certificate.structures.values():
        assert "fresh calibration patients give an 80 % chance" in entry.accept.promise


def test_faulty_cases_are_left_out_named_and_counted(cohort: Cohort, cheap: Candidates) -> None:
    table = cohort(60)
    table.loc[0, "feature_noise"] = np.nan
    table.loc[4, "dice"] = 1.5
    table.loc[[8, 9], "failed"] = "no image"
    gate = QualityGate().calibrate(table, candidates=cheap)
    data = gate.certificate.data
    assert data["cases_faulty"] == 3
    assert data["faults"]["c0004"] == "extraction failed: no image"
    assert "1.5" in data["faults"]["c0002"]
    # a faulty row leaves its own structure out; only the third case has no row left
    assert data["patients_fit"] + data["patients_calibration"] == 59


@pytest.mark.parametrize("change", [{"dice": np.nan}, {"failed": "x"}, {"dice": 2.0}])
def test_a_table_without_a_usable_label_is_refused(
    cohort: Cohort, change: dict[str, object]
) -> None:
    with pytest.raises(InputError, match="at least one usable row with dice"):
        QualityGate().calibrate(cohort(5).assign(**change))


def test_an_empty_table_and_one_without_dice_are_refused(cohort: Cohort) -> None:
    for table in (cohort(5).iloc[:0], cohort(5).drop(columns="dice")):
        with pytest.raises(InputError, match="dice"):
            QualityGate().calibrate(table)


def test_a_cohort_predicted_empty_throughout_is_referred(cohort: Cohort, cheap: Candidates) -> None:
    gate = QualityGate().calibrate(cohort(60, empty=1.1), candidates=cheap)
    entry = gate.certificate.structures["anterior"]
    assert (entry.patients_empty, entry.patients_both_empty) == (30, 0)
    verdicts = gate.judge(cohort(10, 5000))
    assert not verdicts["accept"].any()
    assert (verdicts["dice_high"] - verdicts["dice_low"] == 1.0).all()


def test_empty_predictions_are_counted_by_their_reference(
    cohort: Cohort, cheap: Candidates
) -> None:
    table = cohort(60)
    anterior = table["structure"] == "anterior"
    table.loc[anterior, "feature_volume_ml"] = 0.0
    table.loc[anterior, "dice"] = np.where(table.loc[anterior, "patient_id"] < "0030", 1.0, 0.0)
    gate = QualityGate().calibrate(table, candidates=cheap)
    _, calibration = split_patients(table["patient_id"])
    entry = gate.certificate.structures["anterior"]
    assert entry.patients_empty == 30
    assert entry.patients_both_empty == sum(patient < "0030" for patient in calibration)
    assert not gate.judge(table)["accept"][lambda accept: accept.index % 3 == 0].any()


def spoiled(table: pd.DataFrame, patients: list[str]) -> pd.DataFrame:
    """Return the table with other labels for some patients."""
    chosen = table["patient_id"].isin(patients)
    return table.assign(dice=table["dice"].where(~chosen, (table["dice"] * 7.3) % 1.0))


def fingerprint(gate: CalibratedGate, new: pd.DataFrame) -> tuple[object, ...]:
    """Return all that must not depend on a calibration label."""
    predicted, scale = gate.quality.predict(check_feature_table(new))
    return (
        gate.quality.name,
        gate.quality.power,
        gate.quality.centre,
        gate.quality.centres,
        gate.quality.choice,
        predicted.tobytes(),
        scale.tobytes(),
        [
            (entry.accept.grid, entry.certify_chances)
            for entry in gate.certificate.structures.values()
        ],
    )


@pytest.mark.parametrize("kind", ["default", "cheap"])
def test_no_label_of_a_calibration_patient_reaches_predictor_grid_or_chance(
    cohort: Cohort, cheap: Candidates, kind: str
) -> None:
    candidates = cheap if kind == "cheap" else None
    table, new = cohort(60, empty=0.03), cohort(20, 5000)
    fit, calibration = split_patients(table["patient_id"])
    before = fingerprint(QualityGate().calibrate(table, candidates=candidates), new)
    other = QualityGate().calibrate(spoiled(table, calibration), candidates=candidates)
    assert fingerprint(other, new) == before
    # the twin: labels of fit patients do reach all of these
    twin = fingerprint(QualityGate().calibrate(spoiled(table, fit), candidates=candidates), new)
    assert all(mine != its for mine, its in zip(before[2:], twin[2:], strict=True))


def test_the_grid_is_that_of_the_fit_patients_out_of_fold_scores(gate: CalibratedGate) -> None:
    fit = gate.profile[gate.profile["role"] == "fit"]
    for name, entry in gate.certificate.structures.items():
        rows = fit[fit["structure"] == name]
        bad = rows["dice"] <= 0.8
        grid = accept_grid(rows["accept_score"], entry.accept.patients, tuning_bad=bad)
        assert entry.accept.grid == tuple(grid)
        steps = (*entry.accept.tests, *entry.accept.not_reached)
        assert tuple(step.threshold for step in steps) == entry.accept.grid


def test_profile_scores_of_calibration_patients_are_the_deployed_predictors(
    gate: CalibratedGate, cohort: Cohort
) -> None:
    table = check_feature_table(cohort(200, empty=0.03))
    _, calibration = split_patients(table["patient_id"])
    rows = table[table["patient_id"].isin(calibration)]
    expected = score_rows(rows, gate.quality, ("anterior", "posterior"), 0.8)
    found = gate.profile[gate.profile["role"] == "calibration"]
    assert sorted(found["accept_score"]) == pytest.approx(sorted(expected["accept_score"]))
    assert "patient_id" not in gate.profile
    assert "case_id" not in gate.profile


def test_explore_reads_no_calibration_label(cohort: Cohort) -> None:
    table = cohort(60)
    _, calibration = split_patients(table["patient_id"])
    settings = QualityGate()
    before = settings.explore(table, tolerated_errors=[0.1, 0.2])
    after = settings.explore(spoiled(table, calibration), tolerated_errors=[0.1, 0.2])
    assert before.to_json() == after.to_json()
    assert before.outcomes["p_certify"].between(0, 1).all()
    assert len(before.at(0.8)) == 6


# The promises, checked by simulation. A 1-nearest-neighbour predictor remembers its fit patients,
# so calibrating on them is as wrong as can be.
GATES, CALIBRATION = 12, 119


def remembering() -> Candidates:
    seen = make_column_transformer(("passthrough", ["feature_agreement", "feature_noise"]))
    return {"neighbour": make_pipeline(seen, KNeighborsRegressor(1))}


def inside(verdicts: pd.DataFrame, truth: pd.DataFrame, structure: str) -> float:
    rows = verdicts[verdicts["structure"] == structure].set_index("case_id")
    dice = (
        truth.groupby("case_id")["dice"].min()
        if structure == "whole_case"
        else (truth[truth["structure"] == structure].set_index("case_id")["dice"])
    )
    return float(dice.between(rows["dice_low"], rows["dice_high"]).mean())


def test_mean_coverage_follows_the_beta_law(cohort: Cohort) -> None:
    """Coverage given the calibration is Beta(108, 12): mean 0.9, sd 0.0273."""
    test = cohort(400, 50_000)
    covered: dict[str, list[float]] = {"anterior": [], "posterior": [], "whole_case": []}
    for seed in range(GATES):
        table = cohort(40 + CALIBRATION, seed=seed)
        gate = QualityGate().calibrate(
            table, sorted(table["patient_id"].unique())[:40], candidates=remembering()
        )
        verdicts = gate.judge(test)
        for structure, found in covered.items():
            found.append(inside(verdicts, test, structure))
    # the common test set adds 0.015; three structures and both sides: 4 standard errors
    slack = 4 * np.sqrt(0.0273**2 / GATES + 0.9 * 0.1 / 400)
    for structure, found in covered.items():
        assert abs(np.mean(found) - 0.9) < slack, structure


def test_the_twin_that_calibrates_on_its_fit_patients_is_caught(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QualityGate, "_split", lambda self, rows, fit_patients: (rows, rows))
    test = cohort(400, 50_000)
    covered = []
    for seed in range(3):
        table = cohort(CALIBRATION, seed=seed)
        gate = QualityGate().calibrate(table, candidates=remembering())
        covered.append(inside(gate.judge(test), test, "whole_case"))
    slack = 4 * np.sqrt(0.0273**2 / 3 + 0.9 * 0.1 / 400)
    assert np.mean(covered) < 0.9 - slack


def test_the_accepted_error_exceeds_its_bound_in_few_calibrations(
    cohort: Cohort, cheap: Candidates
) -> None:
    """With confidence 0.9 a share of at most 0.1 of certified thresholds may be too loose."""
    fitted = QualityGate().calibrate(cohort(240), candidates=cheap)
    population = score_rows(
        check_feature_table(cohort(6000, 100_000)), fitted.quality, fitted.structures, 0.8
    )
    draws, rng = 400, np.random.default_rng(3)
    for structure in ("anterior", "whole_case"):
        rows = population[population["structure"] == structure]
        score, dice = rows["accept_score"].to_numpy(), rows["dice"].to_numpy()
        grid = fitted.certificate.structures[structure].accept.grid
        wrong = certified = 0
        for _ in range(draws):
            drawn = rng.choice(len(rows), 120)
            accept = AcceptThreshold().calibrate(score[drawn], dice[drawn], grid)
            accepted = accept.accept(score)
            certified += accept.threshold is not None
            wrong += bool(accepted.any() and (dice[accepted] <= 0.8).mean() > 0.1)
        assert certified > draws / 2, structure
        assert binom.sf(wrong - 1, draws, 0.1) > 1e-3, (structure, wrong)
