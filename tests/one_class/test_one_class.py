import numpy as np
import pandas as pd
import pytest
from made_up import FEATURES, drawn

import segqc_conformal as sq
from segqc_conformal.one_class.methods import METHODS

LEARNT = [method for method in METHODS if method != "value"]


def value_of(table: pd.DataFrame, **settings: object) -> sq.CalibratedOneClass:
    return sq.OneClass("value", ["feature_a"], **settings).calibrate(table)


def test_the_p_value_is_the_rank_among_the_good_calibration_patients() -> None:
    table = drawn(20, 0).assign(feature_a=np.arange(20.0))
    new = drawn(3, 1).assign(feature_a=[-1.0, 18.5, 19.0])
    judged = value_of(table).judge(new)
    assert judged["p_value"].tolist() == [21 / 21, 2 / 21, 2 / 21]  # ties count against an alarm
    assert judged["nonconformity"].tolist() == [-1.0, 18.5, 19.0]
    assert not judged["flagged"].any()
    assert value_of(table, false_alarm=0.1).judge(new)["flagged"].tolist() == [False, True, True]


@pytest.mark.parametrize("method", LEARNT)
def test_a_case_unlike_the_good_ones_is_flagged_and_one_like_them_is_not(method: str) -> None:
    calibrated = sq.OneClass(method).calibrate(drawn(80, 0))
    far, near = (
        calibrated.judge(drawn(1, 1).assign(**dict(zip(FEATURES, at, strict=True))))
        for at in ((8.0, -8.0, 9.0), (0.1, 0.1, 1.0))
    )
    assert far["flagged"].tolist() == [True]
    assert far["p_value"].iloc[0] == pytest.approx(1 / 41)
    assert near["flagged"].tolist() == [False]


def test_mahalanobis_sees_an_unusual_combination_of_usual_values() -> None:
    table = drawn(200, 0)  # b is a + noise
    new = drawn(2, 1).assign(feature_a=[1.5, 1.5], feature_b=[2.0, -2.5], feature_c=1.0)
    along, across = sq.OneClass().calibrate(table).judge(new)["p_value"]
    assert across < 0.05 < along


@pytest.mark.parametrize("method", ["mahalanobis", "nearest"])
def test_a_change_of_a_feature_that_is_the_same_in_all_good_cases_is_found(method: str) -> None:
    table = drawn(80, 0).assign(feature_component_count=1.0)
    new = table.head(1).assign(case_id="x", feature_component_count=9.0)
    assert sq.OneClass(method).calibrate(table).judge(new)["flagged"].tolist() == [True]


def test_bad_and_unlabelled_cases_neither_fit_nor_calibrate() -> None:
    good = drawn(60, 0)
    others = [drawn(30, 1, away=5.0, dice=0.8), drawn(30, 2, away=5.0, dice=np.nan)]
    mixed = sq.OneClass().calibrate(pd.concat([good, *others], ignore_index=True))
    assert mixed.left_out == {"rows_faulty": 0, "rows_unlabelled": 30, "rows_not_good": 30}
    assert mixed.judge(drawn(20, 3, away=5.0))["flagged"].all()
    every = sq.OneClass(dice_threshold=None).calibrate(pd.concat([good, *others]))
    assert every.left_out["rows_not_good"] == every.left_out["rows_unlabelled"] == 0
    assert every.patients("liver") == 60


def test_fit_patients_never_calibrate() -> None:
    table = drawn(60, 0)
    taught = table.assign(fit_patient=[True] * 15 + [False] * 45)
    assert sq.OneClass().calibrate(table).patients("liver") == 30
    assert sq.OneClass().calibrate(taught).patients("liver") == 45
    assert value_of(taught).patients("liver") == 45
    assert value_of(table).patients("liver") == 60  # nothing is fitted
    for named in (list(table["patient_id"][:20]), table["patient_id"][:20]):
        assert sq.OneClass().calibrate(table, named).patients("liver") == 40
    with pytest.raises(sq.InputError, match=r"fit_patients with a usable label.*'nobody'"):
        sq.OneClass().calibrate(table, ["nobody"])


def test_a_patient_counts_once_by_a_case_chosen_before_it_is_known_to_be_good() -> None:
    table = drawn(40, 0)
    later = table.assign(case_id="later " + table["case_id"], time="2026-02-01")
    first = table.assign(time="2026-01-01", dice=[0.5] * 10 + [0.9] * 30)
    calibrated = value_of(pd.concat([later, first], ignore_index=True))
    assert calibrated.patients("liver") == 30


def test_what_cannot_be_judged_stays_and_is_flagged() -> None:
    calibrated = sq.OneClass().calibrate(drawn(80, 0))
    new = drawn(5, 1).assign(
        feature_b=[0.0, np.nan, 0.0, 0.0, 0.0],
        failed=[None, None, "no image", None, None],
        model_id=["m", "m", "m", "other", "m"],
        structure=["liver", "liver", "liver", "liver", "spleen"],
    )
    judged = calibrated.judge(new)
    assert judged["case_id"].tolist() == new["case_id"].tolist()
    faulty = judged.iloc[1:]
    assert faulty["flagged"].all()
    assert faulty[["nonconformity", "p_value"]].isna().all(axis=None)
    for message, words in zip(
        faulty["message"],
        ("finite feature_b", "no image", "model_id m", "not calibrated"),
        strict=True,
    ):
        assert words in message
    lacking = calibrated.judge(new.drop(columns="feature_c"))
    assert lacking["flagged"].all()
    assert len(calibrated.judge(new.iloc[:0])) == 0


def test_an_empty_prediction_is_as_unlike_as_can_be_whatever_its_features_say() -> None:
    table = drawn(80, 0).assign(feature_volume_ml=20.0)
    new = table.head(1).assign(case_id="x", feature_volume_ml=0.0)
    judged = sq.OneClass(features=FEATURES).calibrate(table).judge(new)
    assert judged["nonconformity"].tolist() == [np.inf]
    assert judged["p_value"].tolist() == [1 / 41]
    often = table.assign(feature_volume_ml=[0.0, 20.0] * 40)  # both empty: Dice 1, good
    frequent = sq.OneClass(features=FEATURES).calibrate(often).judge(new)
    assert frequent["p_value"].iloc[0] > 0.3
    assert not frequent["flagged"].any()


def test_the_whole_case_is_calibrated_like_a_structure() -> None:
    both = ("liver", "spleen")
    table = drawn(200, 0, both)
    spoilt = table["case_id"].isin(table["case_id"].unique()[:40]) & (table["structure"] == "liver")
    calibrated = sq.OneClass().calibrate(table.assign(dice=np.where(spoilt, 0.3, 0.9)))
    whole, liver, spleen = (calibrated.patients(name) for name in ("whole_case", *both))
    assert whole == liver < spleen == 100  # good where every structure is
    new = drawn(2, 1, both)
    odd = (new["structure"] == "spleen") & (new["case_id"] == "c1-1")
    judged = calibrated.judge(new.assign(feature_a=np.where(odd, 9.0, 0.0), feature_b=0.0))
    assert judged["structure"].tolist() == [*both, "whole_case"] * 2
    assert judged["flagged"].tolist() == [False] * 4 + [True, True]
    alone = calibrated.judge(new[new["structure"] == "liver"])
    assert alone["structure"].tolist() == ["liver", "whole_case"] * 2
    incomplete = alone[alone["structure"] == "whole_case"]
    assert incomplete["flagged"].all()
    assert incomplete["message"].str.contains("none for \\['spleen'\\]").all()


def test_too_few_good_calibration_patients_are_said_and_nothing_is_flagged() -> None:
    calibrated = value_of(drawn(18, 0))
    judged = calibrated.judge(drawn(1, 1, away=99.0))
    words = "at least 19 good calibration patients of liver"
    for text in (judged["message"].iloc[0], calibrated.promise("liver")):
        assert words in text
        assert "the smallest p-value is 1/19" in text
    assert judged["p_value"].iloc[0] == 1 / 19
    assert not judged["flagged"].iloc[0]
    enough = value_of(drawn(19, 0))
    assert enough.judge(drawn(1, 1, away=99.0))["flagged"].iloc[0]
    assert "at most 5%, averaged over calibrations of 19" in enough.promise("liver")
    assert "Nothing is promised of other cases" in enough.promise("liver")
    with pytest.raises(sq.CalibrationError, match="at least 10 good fit patients of liver"):
        sq.OneClass().calibrate(drawn(18, 0))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "vae"}, "a method among"),
        ({"method": "value"}, "exactly one feature"),
        ({"features": "feature_a"}, "a list of features"),
        ({"false_alarm": 0.0}, "false_alarm between 0 and 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(sq.InputError, match=words):
        sq.OneClass(**settings)


def test_tables_that_cannot_calibrate_are_refused() -> None:
    table = drawn(60, 0)
    with pytest.raises(sq.InputError, match="without \\['feature_x'\\]"):
        sq.OneClass(features=["feature_a", "feature_x"]).calibrate(table)
    with pytest.raises(sq.InputError, match="at least one usable row with dice"):
        sq.OneClass().calibrate(table.assign(dice=np.nan))
    with pytest.raises(sq.InputError, match=r"good cases, of Dice above 0\.8"):
        sq.OneClass().calibrate(table.assign(dice=0.5))
    with pytest.raises(sq.IdentityError, match="a single model_id"):
        sq.OneClass().calibrate(table.assign(model_id=["m", "n"] * 30))
    with pytest.raises(sq.InputError, match="a corrupted one"):
        sq.OneClass().calibrate(table.assign(judged="corrupted"))
