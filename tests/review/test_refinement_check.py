"""Fit, certify, judge, save: on made-up regions whose features tell good from bad."""

import json

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.errors import FileFormatError, InputError, TamperedError
from segqc_conformal.quality.regressor import QualityRegressor
from segqc_conformal.review import (
    CalibratedRefinementCheck,
    RefinementCheck,
    merged_mask,
    region_table,
)
from segqc_conformal.review.merged_outcome import scored_regions
from segqc_conformal.review.refinement_check import region_advantage


def made_up(patients: int, seed: int, first: int = 0) -> pd.DataFrame:
    """Return eight regions per patient, as often good as bad; a feature says which, nearly."""
    rng, count = np.random.default_rng(seed), 8 * patients
    gain = rng.choice([-0.02, 0.02], count) * rng.uniform(0.5, 1.5, count)
    names = [f"p{first + number}" for number in range(patients)]
    return pd.DataFrame(
        {
            "case_id": np.repeat([f"case of {name}" for name in names], 8),
            "patient_id": np.repeat(names, 8),
            "region": np.tile(np.arange(1, 9), patients),
            "judged_as": "background",
            "refined_as": "a",
            "voxels": 5,
            "feature_hint": np.sign(gain) + rng.normal(0.0, 0.5, count),
            "gain_added": gain,
            "gain_removed": 0.0,
            "share_added": 0.01,
            "share_removed": 0.0,
        }
    )


@pytest.fixture(scope="module")
def check() -> CalibratedRefinementCheck:
    return RefinementCheck().calibrate(made_up(160, seed=0))


def test_good_regions_are_accepted_and_few_patients_are_harmed(
    check: CalibratedRefinementCheck,
) -> None:
    judged = check.judge(made_up(200, seed=1, first=1000).drop(columns=["gain_added"]))
    truth = made_up(200, seed=1, first=1000)
    good = truth["gain_added"] > 0.0
    assert check.certificate.certified
    assert judged.loc[good, "accept"].mean() > 0.9
    assert judged.loc[~good, "accept"].mean() < 0.2
    outcome = scored_regions(truth, judged["score"])
    accepted, harmed = outcome.counts(np.array([check.certificate.threshold]), 0.0)
    assert harmed[0] / accepted[0] <= 0.1


def test_twin_hints_of_other_regions_certify_nothing_or_gain_nothing() -> None:
    shuffled = made_up(160, seed=0)
    order = np.random.default_rng(0).permutation(len(shuffled))
    shuffled["feature_hint"] = shuffled["feature_hint"].to_numpy()[order]
    assert not RefinementCheck().calibrate(shuffled).certificate.certified


def test_any_regressor_may_score_the_regions(check: CalibratedRefinementCheck) -> None:
    chance = QualityRegressor("logistic", support=None, above=0.0)
    scores = RefinementCheck(regressor=chance).calibrate(made_up(80, 0)).judge(made_up(9, 1))
    assert scores["score"].between(0.0, 1.0).all()
    assert scores["score"].corr(check.judge(made_up(9, 1))["score"], method="spearman") > 0.95


def test_fit_patients_never_calibrate_and_a_patient_counts_by_one_case() -> None:
    first = made_up(100, seed=0).assign(time=pd.Timestamp("2026-01-01", tz="UTC"))
    later = made_up(100, seed=2).assign(time=pd.Timestamp("2026-02-01", tz="UTC"))
    later["case_id"] += ", again"
    fit = [f"p{number}" for number in range(40)]
    settings = RefinementCheck()
    once, twice = (
        settings.calibrate(table, fit_patients=fit)
        for table in (first, pd.concat([later, first], ignore_index=True))
    )
    assert once.certificate.patients == 60
    assert once.certificate == twice.certificate


def test_without_calibration_patients_nothing_is_accepted() -> None:
    table = made_up(30, seed=0)
    check = RefinementCheck().calibrate(table, fit_patients=table["patient_id"])
    assert check.certificate.patients_needed == 22
    assert not check.judge(table)["accept"].any()


def test_a_region_without_a_usable_feature_leaves_the_judged_mask(
    check: CalibratedRefinementCheck,
) -> None:
    table = made_up(2, seed=3)
    table.loc[0, "feature_hint"] = np.nan
    judged = check.judge(table)
    assert (judged["score"].iloc[0], judged["accept"].iloc[0]) == (-np.inf, False)
    assert len(judged) == len(table)
    assert np.isfinite(judged["score"].iloc[1:]).all()


def test_masks_that_agree_are_judged_and_merged_too(check: CalibratedRefinementCheck) -> None:
    mask = np.eye(4, dtype=int)
    rows = region_table("c", "p", mask, mask, {"a": 1}).assign(feature_hint=0.0)
    judged = check.judge(rows)
    assert judged.empty
    assert (merged_mask(mask, mask, {"a": 1}, judged) == mask).all()


def test_what_was_saved_judges_the_same_and_a_changed_byte_is_refused(
    check: CalibratedRefinementCheck, tmp_path
) -> None:
    table = made_up(5, seed=4)
    check.save(tmp_path / "check")
    loaded = CalibratedRefinementCheck.load(tmp_path / "check")
    assert loaded.certificate == check.certificate
    pd.testing.assert_frame_equal(loaded.judge(table), check.judge(table))
    file = tmp_path / "check" / "refinement.json"
    fields = json.loads(file.read_text())
    fields["certificate"] = fields["certificate"].replace('"tolerated_harm": 0.1', "1")
    file.write_text(json.dumps(fields))
    with pytest.raises(TamperedError, match="checksum"):
        CalibratedRefinementCheck.load(tmp_path / "check")
    file.unlink()
    with pytest.raises(FileFormatError, match="a folder with refinement"):
        CalibratedRefinementCheck.load(tmp_path / "check")


def test_a_certificate_belongs_to_its_region_model(
    check: CalibratedRefinementCheck, tmp_path
) -> None:
    other = RefinementCheck().calibrate(made_up(60, seed=9))
    check.save(tmp_path / "check")
    other.save(tmp_path / "other")
    kept = (tmp_path / "check" / "refinement.json").read_text()
    (tmp_path / "other" / "refinement.json").write_text(kept)
    with pytest.raises(TamperedError, match="another region model"):
        CalibratedRefinementCheck.load(tmp_path / "other")


def test_a_region_handed_over_must_be_good_for_both_structures() -> None:
    rows = pd.DataFrame(
        {
            "judged_as": ["a", "a", "background"],
            "refined_as": ["b", "background", "b"],
            "gain_added": [0.3, 0.0, -0.1],
            "gain_removed": [-0.1, 0.2, 0.0],
        }
    )
    assert region_advantage(rows).tolist() == [-0.1, 0.2, -0.1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table.drop(columns="gain_added"), "none of gain_added"),
        (lambda table: table.drop(columns="feature_hint"), "none of feature_..."),
        (lambda table: table.assign(gain_added=np.nan), "case case of p0: expected finite gains"),
        (lambda table: pd.concat([table, table]), "case case of p0: expected each region once"),
    ],
)
def test_a_table_that_cannot_calibrate_is_refused(change, words) -> None:
    with pytest.raises(InputError, match=words):
        RefinementCheck().calibrate(change(made_up(10, seed=0)))


def test_a_table_without_a_learned_feature_is_refused(check: CalibratedRefinementCheck) -> None:
    with pytest.raises(InputError, match="none of feature_hint"):
        check.judge(made_up(1, seed=0).rename(columns={"feature_hint": "feature_other"}))
