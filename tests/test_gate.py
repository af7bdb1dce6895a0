from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.calibrators import VennAbersProbability
from segqc_conformal.errors import InputError
from segqc_conformal.features.table import check_feature_table
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.verdict_table import VERDICT_COLUMNS

Cohort = Callable[..., pd.DataFrame]
REASONS = {
    "certified",
    "below_threshold",
    "cannot_certify",
    "empty_prediction",
    "unknown_group",
    "input_error",
}


@pytest.fixture
def new(cohort: Cohort) -> pd.DataFrame:
    return cohort(12, 5000)


def of(verdicts: pd.DataFrame, case: str, structure: str = "whole_case") -> pd.Series:
    """Return the single verdict of a case and structure."""
    rows = verdicts[(verdicts["case_id"] == case) & (verdicts["structure"] == structure)]
    assert len(rows) == 1, f"{len(rows)} verdicts on {case}, {structure}"
    return rows.iloc[0]


def refused(row: pd.Series, reason: str) -> bool:
    return (
        row["reason"] == reason
        and not row["accept"]
        and (row["dice_low"], row["dice_high"]) == (0.0, 1.0)
        and np.isnan(row["predicted_dice"])
        and row["accept_score"] == -np.inf
    )


def test_verdicts_have_exactly_the_documented_columns_and_one_row_each(
    gate: CalibratedGate, new: pd.DataFrame
) -> None:
    verdicts = gate.judge(new)
    assert tuple(verdicts.columns) == VERDICT_COLUMNS
    assert (
        list(VERDICT_COLUMNS)
        == (
            "case_id patient_id structure site time predicted_dice dice_low dice_high accept "
            "accept_score p_above_low p_above_high reason message model_id calibration"
        ).split()
    )
    assert verdicts["case_id"].tolist() == np.repeat(new["case_id"].unique(), 3).tolist()
    assert verdicts["structure"].tolist() == ["anterior", "posterior", "whole_case"] * 12
    assert verdicts["accept"].dtype == bool
    assert set(verdicts["reason"]) <= REASONS
    assert (verdicts["accept"] == (verdicts["reason"] == "certified")).all()
    assert (verdicts["calibration"] == gate.id).all()
    assert verdicts["message"].str.len().gt(0).all()
    low, high = verdicts["dice_low"], verdicts["dice_high"]
    assert ((0 <= low) & (low <= high) & (high <= 1)).all()
    assert verdicts["accept"].any()
    assert not verdicts["accept"].all()


def test_the_whole_case_is_its_worst_structure(gate: CalibratedGate, new: pd.DataFrame) -> None:
    verdicts = gate.judge(new)
    parts = verdicts[verdicts["structure"] != "whole_case"].groupby("case_id")
    whole = verdicts[verdicts["structure"] == "whole_case"].set_index("case_id")
    assert whole["accept_score"].equals(parts["accept_score"].min())
    # moved from the worst prediction by the centre of whole cases, in units of that row's scale
    table = check_feature_table(new)
    predicted, scale = gate.quality.predict(table)
    worst = table.assign(predicted=predicted, scale=scale).sort_values("predicted")
    worst = worst.drop_duplicates("case_id").set_index("case_id").loc[whole.index]
    centred = worst["predicted"] + gate.quality.centres["whole_case"] * worst["scale"]
    np.testing.assert_allclose(whole["predicted_dice"], centred.clip(0, 1))
    threshold = gate.certificate.structures["whole_case"].accept.threshold
    assert (whole["accept"] == (whole["accept_score"] >= threshold)).all()


def test_the_interval_is_prediction_and_calibrated_scale(
    gate: CalibratedGate, new: pd.DataFrame
) -> None:
    rows = new[new["structure"] == "anterior"]
    predicted, scale = gate.quality.predict(check_feature_table(rows))
    half = gate.certificate.structures["anterior"].interval.quantile * scale
    verdicts = gate.judge(new)
    mine = verdicts[verdicts["structure"] == "anterior"]
    np.testing.assert_allclose(mine["dice_low"], np.clip(predicted - half, 0, 1), rtol=1e-12)
    np.testing.assert_allclose(mine["dice_high"], np.clip(predicted + half, 0, 1), rtol=1e-12)
    np.testing.assert_allclose(mine["accept_score"], (predicted - 0.8) / scale, rtol=1e-9)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_an_unusable_feature_refers_its_case_alone(
    gate: CalibratedGate, new: pd.DataFrame, value: float
) -> None:
    before = gate.judge(new)
    new.loc[0, "feature_agreement"] = value
    verdicts = gate.judge(new)
    for structure in ("anterior", "whole_case"):
        assert refused(of(verdicts, "c5000", structure), "input_error")
    assert "feature_agreement" in of(verdicts, "c5000", "anterior")["message"]
    assert "anterior" in of(verdicts, "c5000")["message"]
    rest = verdicts["case_id"] != "c5000"
    pd.testing.assert_frame_equal(verdicts[rest], before[rest], rtol=1e-12)
    assert of(verdicts, "c5000", "posterior")["reason"] != "input_error"


def test_a_failed_row_is_referred_with_why(gate: CalibratedGate, new: pd.DataFrame) -> None:
    bad = new["case_id"] == "c5001"
    new.loc[bad, "failed"] = "InputError: no samples"
    new.loc[bad, ["feature_agreement", "feature_noise", "feature_volume_ml"]] = np.nan
    verdicts = gate.judge(new)
    for structure in ("anterior", "posterior", "whole_case"):
        assert refused(of(verdicts, "c5001", structure), "input_error")
    assert (
        of(verdicts, "c5001", "anterior")["message"] == "extraction failed: InputError: no samples"
    )


@pytest.mark.parametrize("second", ["same", "other", "failed"])
def test_a_case_id_that_stands_twice_is_referred_once(
    gate: CalibratedGate, new: pd.DataFrame, second: str
) -> None:
    again = new[(new["case_id"] == "c5002") & (new["structure"] == "anterior")].copy()
    if second == "other":
        again["feature_agreement"] = 0.99
    if second == "failed":
        again["failed"] = "this case_id again"
    verdicts = gate.judge(pd.concat([new, again], ignore_index=True))
    for structure in ("anterior", "whole_case"):
        assert refused(of(verdicts, "c5002", structure), "input_error")
    assert len(verdicts) == 36
    assert not verdicts.duplicated(["case_id", "structure"]).any()


def test_a_case_of_two_patients_is_referred(gate: CalibratedGate, new: pd.DataFrame) -> None:
    new.loc[1, "patient_id"] = "another"
    verdicts = gate.judge(new)
    assert (verdicts.loc[verdicts["case_id"] == "c5000", "reason"] == "input_error").all()
    assert "patient" in of(verdicts, "c5000", "anterior")["message"]
    assert len(verdicts) == 36


@pytest.mark.parametrize("column", ["model_id", "sampler_id", "schema_version", "judged"])
def test_a_row_of_another_identity_is_referred_and_the_rest_goes_on(
    gate: CalibratedGate, new: pd.DataFrame, column: str
) -> None:
    new.loc[new["case_id"] == "c5003", column] = "other"
    verdicts = gate.judge(new)
    assert refused(of(verdicts, "c5003"), "input_error")
    message = of(verdicts, "c5003", "posterior")["message"]
    assert f"expected {column}" in message
    assert "received other" in message
    assert (verdicts["reason"] == "input_error").sum() == 3


def test_an_unknown_structure_is_referred_beside_the_known_ones(
    gate: CalibratedGate, new: pd.DataFrame
) -> None:
    before = gate.judge(new)
    more = new[new["structure"] == "anterior"].assign(structure="hilus")
    verdicts = gate.judge(pd.concat([new, more], ignore_index=True))
    assert refused(of(verdicts, "c5004", "hilus"), "unknown_group")
    known = verdicts[verdicts["structure"] != "hilus"].reset_index(drop=True)
    pd.testing.assert_frame_equal(known, before, rtol=1e-12)


def test_a_case_without_one_of_the_structures_has_no_whole_case_promise(
    gate: CalibratedGate, new: pd.DataFrame
) -> None:
    verdicts = gate.judge(new.drop(index=1))
    assert refused(of(verdicts, "c5000"), "input_error")
    assert "posterior" in of(verdicts, "c5000")["message"]
    assert of(verdicts, "c5000", "anterior")["reason"] in {"certified", "below_threshold"}
    assert len(verdicts) == 35


def test_an_empty_prediction_is_never_accepted(gate: CalibratedGate, new: pd.DataFrame) -> None:
    new.loc[0, ["feature_volume_ml", "feature_agreement"]] = [0.0, 1.0]
    new.loc[1, "feature_agreement"] = 1.0
    verdicts = gate.judge(new)
    assert refused(of(verdicts, "c5000", "anterior"), "empty_prediction")
    assert refused(of(verdicts, "c5000"), "empty_prediction")
    assert of(verdicts, "c5000", "posterior")["reason"] == "certified"
    new["feature_volume_ml"] = 0.0
    assert (gate.judge(new)["reason"] == "empty_prediction").all()


@pytest.mark.parametrize("dice", [0.0, 5.0, np.nan, None, "not yet"])
def test_dice_is_not_read(gate: CalibratedGate, new: pd.DataFrame, dice: object) -> None:
    expected = gate.judge(new.drop(columns="dice"))
    pd.testing.assert_frame_equal(gate.judge(new.assign(dice=dice)), expected)


def test_other_columns_and_features_are_carried_without_effect(
    gate: CalibratedGate, new: pd.DataFrame
) -> None:
    more = new.assign(note="x", feature_other=np.nan, age=[None] * len(new))
    pd.testing.assert_frame_equal(gate.judge(more), gate.judge(new))


def test_rows_in_any_order_get_the_same_verdicts(gate: CalibratedGate, new: pd.DataFrame) -> None:
    new.loc[3, "feature_agreement"] = np.nan
    expected = gate.judge(new).set_index(["case_id", "structure"])
    for seed in range(5):
        shuffled = new.sample(frac=1.0, random_state=seed)
        found = gate.judge(shuffled)
        assert found["case_id"].unique().tolist() == shuffled["case_id"].unique().tolist()
        found = found.set_index(["case_id", "structure"]).loc[expected.index]
        pd.testing.assert_frame_equal(found, expected, rtol=1e-12)


def test_one_case_alone_gets_the_verdict_it_gets_in_a_batch(
    gate: CalibratedGate, new: pd.DataFrame
) -> None:
    batch = gate.judge(new)
    for _, rows in new.groupby("case_id"):
        alone = gate.judge(rows)
        beside = batch[batch["case_id"].isin(alone["case_id"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, beside, rtol=1e-12)


def test_the_table_given_is_left_as_it_was(gate: CalibratedGate, new: pd.DataFrame) -> None:
    new.loc[0, "feature_agreement"] = np.nan
    before = new.copy(deep=True)
    gate.judge(new)
    pd.testing.assert_frame_equal(new, before)


def test_no_rows_give_no_verdicts(gate: CalibratedGate, new: pd.DataFrame) -> None:
    verdicts = gate.judge(new.iloc[:0])
    assert tuple(verdicts.columns) == VERDICT_COLUMNS
    assert len(verdicts) == 0
    pd.testing.assert_series_equal(verdicts.dtypes, gate.judge(new).dtypes)


def test_nothing_usable_still_gives_every_verdict(gate: CalibratedGate, new: pd.DataFrame) -> None:
    verdicts = gate.judge(new.assign(failed="broken"))
    assert len(verdicts) == 36
    assert (verdicts["reason"] == "input_error").all()
    lacking = gate.judge(new.drop(columns="feature_noise"))
    assert len(lacking) == 36
    assert (lacking["reason"] == "input_error").all()
    assert "feature_noise" in of(lacking, "c5000", "anterior")["message"]


def test_ids_with_zeros_in_front_stay_and_numbers_are_refused(
    gate: CalibratedGate, cohort: Cohort
) -> None:
    table = cohort(3)
    assert gate.judge(table)["patient_id"].unique().tolist() == ["0000", "0001", "0002"]
    with pytest.raises(InputError, match=r"strings in column patient_id; received .*0"):
        gate.judge(table.assign(patient_id=table["patient_id"].astype(int)))


def test_a_row_named_whole_case_is_refused_because_the_gate_makes_it(
    gate: CalibratedGate, new: pd.DataFrame
) -> None:
    new.loc[0, "structure"] = "whole_case"
    with pytest.raises(InputError, match="whole_case"):
        gate.judge(new)


def test_a_single_structure_has_no_whole_case_row(cohort: Cohort, cheap: dict) -> None:
    gate = QualityGate().calibrate(cohort(60, structures=("lesion",)), candidates=cheap)
    verdicts = gate.judge(cohort(3, 5000, structures=("lesion",)))
    assert verdicts["structure"].tolist() == ["lesion"] * 3
    assert list(gate.certificate.structures) == ["lesion"]


def test_probabilities_of_a_good_mask_stand_beside_the_decision(
    gate: CalibratedGate, cohort: Callable[..., pd.DataFrame]
) -> None:
    verdicts = gate.judge(cohort(60, 5000))
    for name, rows in verdicts.groupby("structure"):
        profile = gate.profile[gate.profile["structure"] == name]
        kept = profile[profile["role"] == "calibration"]
        calibrated = VennAbersProbability(0.8).calibrate(kept["accept_score"], kept["dice"])
        low, high, _ = calibrated.probability(rows["accept_score"])
        assert rows["p_above_low"].tolist() == low.tolist()
        assert rows["p_above_high"].tolist() == high.tolist()
        assert (low <= high).all()
        assert rows.loc[rows["accept"], "p_above_low"].mean() > 0.8
