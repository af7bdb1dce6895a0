"""Corrupted cases may train, never calibrate: every door, tried with the mark."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import segqc_conformal as sq
from segqc_conformal.case_log import CaseLog
from segqc_conformal.corruption import DiceHistogram, corrupt
from segqc_conformal.errors import InputError
from segqc_conformal.evaluation import with_true_dice
from segqc_conformal.evaluation.comparison import compare_predictors
from segqc_conformal.features.table import check_feature_table, read_table, write_table
from segqc_conformal.further_look import look_again
from segqc_conformal.pilot_plan import sizes_from_pilot
from segqc_conformal.quality.predictor import fit_quality
from segqc_conformal.reweighting import reweight

REFUSED = (
    "case c0[0-9]{3}: expected masks as they are released; received a corrupted one; remedy: leave "
    "corrupted cases out: they may train, never calibrate"
)
WHO = {"by": "a", "reason": "b"}


def marked(table: pd.DataFrame, patient: str) -> pd.DataFrame:
    """Mark the case of one patient as corrupted."""
    return table.assign(judged=table["judged"].mask(table["patient_id"] == patient, "corrupted"))


@pytest.fixture
def folder(gate, tmp_path):
    gate.save(tmp_path / "calibration")
    return tmp_path / "calibration"


def test_the_mark_goes_into_the_feature_table_and_through_files(volume, tmp_path):
    case = volume(0)
    model = sq.Predictor(lambda x: x[:, :1].repeat(1, 3, 1, 1, 1), model_id="m")
    wanted = DiceHistogram([0.5, 0.6], [1])
    structures = {"core": 1, "rim": 2}
    corrupted = corrupt([case], wanted, structures=structures, progress=False)
    (made,) = corrupted
    cases = [replace(case, mask=case.reference), made.case]
    table = sq.extract_features(
        cases, model, sq.SinglePass(), structures=structures, progress=False
    )
    assert table["judged"].tolist() == ["deployed"] * 2 + ["corrupted"] * 2
    assert table["dice"].tolist() == [1.0, 1.0, *made.dice.values()]
    assert table["failed"].isna().all()
    for name in ("table.csv", "table.parquet"):
        write_table(table, tmp_path / name)
        with pytest.raises(InputError, match="case c0~corrupted0: expected masks as they"):
            check_feature_table(read_table(tmp_path / name))


def test_a_failed_case_and_a_resumed_one_keep_the_mark(volume, tmp_path):
    case = replace(volume(0), mask=volume(0).reference)
    model = sq.Predictor(lambda x: x[:, :1].repeat(1, 3, 1, 1, 1), model_id="m")
    broken = replace(case, mask=case.reference * 7, case_id="broken", corrupted=True)
    for corrupted in (False, True, False):
        cases = [replace(case, corrupted=corrupted), broken]
        table = sq.extract_features(
            cases,
            model,
            sq.SinglePass(),
            structures={"core": 1},
            resume_folder=tmp_path,
            progress=False,
        )
        expected = "corrupted" if corrupted else "deployed"
        assert table["judged"].tolist() == [expected, "corrupted"]
        assert table["failed"].notna().tolist() == [False, True]


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("as_fit", [False, True])
def test_calibration_refuses_them_as_calibration_and_as_fit_patients(cohort, as_fit, whole, cheap):
    table = cohort(60)
    fit = [f"{number:04d}" for number in range(30)]
    bad = table.assign(judged="corrupted") if whole else marked(table, fit[0] if as_fit else "0059")
    for call in (sq.QualityGate().calibrate, sq.QualityGate().explore):
        with pytest.raises(InputError, match=REFUSED):
            call(bad, fit, candidates=cheap)


def test_unlabelled_corrupted_cases_are_refused_too(cohort):
    table = marked(cohort(60), "0003")
    table.loc[table["judged"] == "corrupted", "dice"] = np.nan
    with pytest.raises(InputError, match=REFUSED):
        sq.QualityGate().calibrate(table)


@pytest.mark.parametrize("again", [sq.recalibrate, look_again, reweight])
def test_no_later_version_is_made_of_them(again, folder, cohort, cheap, tmp_path):
    if again is look_again:
        folder = tmp_path / "looks"
        sq.QualityGate(looks="many").calibrate(cohort(200), candidates=cheap).save(folder)
    before = sq.status(folder)
    with pytest.raises(InputError, match=REFUSED):
        again(folder, marked(cohort(80, 300), "0333"), **WHO)
    assert sq.status(folder) == before


def test_a_gate_refers_them_and_the_others_get_their_verdict(gate, cohort):
    verdicts = gate.judge(marked(cohort(10, 500), "0503"))
    corrupted = verdicts["patient_id"] == "0503"
    assert (verdicts.loc[corrupted, "reason"] == "input_error").all()
    assert not verdicts.loc[corrupted, "accept"].any()
    assert verdicts.loc[corrupted, "message"].str.contains("received corrupted").any()
    assert (verdicts.loc[~corrupted, "reason"] != "input_error").all()


def test_the_case_log_takes_none_of_them(gate, cohort, tmp_path):
    table = marked(cohort(10, 500), "0503")
    with CaseLog(f"sqlite:///{tmp_path}/log.db") as log:
        with pytest.raises(InputError, match=REFUSED):
            log.add(gate.judge(table), table)
        assert log.cases_after().empty


@pytest.mark.parametrize(
    "evaluate",
    [
        compare_predictors,
        sq.feature_correlations,
        sizes_from_pilot,
        lambda table: with_true_dice(pd.DataFrame(), table),
    ],
    ids=["compare", "correlations", "plan", "evaluation"],
)
def test_nothing_is_evaluated_on_them(evaluate, cohort):
    with pytest.raises(InputError, match=REFUSED):
        evaluate(marked(cohort(60), "0003"))


def test_the_format_of_certificates_has_no_corrupted_masks():
    schema = json.loads(Path(sq.__file__).with_name("certificate.schema.json").read_text())
    judged = schema["properties"]["identity"]["properties"]["judged"]
    assert judged == {"enum": ["deployed", "fused"]}


def test_a_quality_predictor_may_be_fitted_on_them_where_asked_for(cohort, cheap):
    table = marked(cohort(60), "0003")
    with pytest.raises(InputError, match=REFUSED):
        check_feature_table(table)
    rows = check_feature_table(table, corrupted=True)
    quality, _ = fit_quality(rows, candidates=cheap)
    assert len(quality.predict(rows)[0]) == len(rows)


def test_a_case_is_marked_only_with_a_mask(volume):
    with pytest.raises(InputError, match="case c0: expected the corrupted mask; received none"):
        replace(volume(0), corrupted=True)
