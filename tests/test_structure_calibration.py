from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.calibrators import AcceptThreshold, DiceInterval, GroupedAcceptCertificate
from segqc_conformal.errors import InputError
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.quality_gate import QualityGate

Cohort = Callable[..., pd.DataFrame]
Candidates = dict[str, Any]


def calibration_rows(gate: CalibratedGate, structure: str) -> pd.DataFrame:
    profile = gate.profile
    return profile[(profile["role"] == "calibration") & (profile["structure"] == structure)]


@pytest.fixture(scope="module")
def by_site(cohort: Cohort, cheap: Candidates) -> CalibratedGate:
    """Give a gate calibrated by site: A and B are large, C has four calibration patients."""
    table = cohort(300, empty=0.03)
    fit = sorted(table["patient_id"].unique())[:120]
    number = table["patient_id"].astype(int)
    table["site"] = table["site"].where((number < 290) | (number % 2 == 0), "C")
    return QualityGate(groups="site").calibrate(table, fit, candidates=cheap)


def test_each_group_has_the_interval_and_threshold_of_its_own_patients(
    by_site: CalibratedGate,
) -> None:
    for structure, entry in by_site.certificate.structures.items():
        rows = calibration_rows(by_site, structure)
        assert isinstance(entry.accept, GroupedAcceptCertificate)
        assert entry.accept.patients == rows["site"].value_counts().sort_index().to_dict()
        for site in ("A", "B"):
            own = rows[rows["site"] == site]
            known = own[own["predicted_dice"].notna()]
            alone = DiceInterval().calibrate(known["predicted_dice"], known["dice"], known["scale"])
            assert entry.interval.quantile_of(site) == alone.quantile
            accept = entry.accept.own[site]
            again = AcceptThreshold().calibrate(own["accept_score"], own["dice"], accept.grid)
            assert accept.threshold == again.threshold
        assert entry.accept.small == ("C",)


def test_verdicts_by_group_refer_small_and_unseen_groups(
    by_site: CalibratedGate, cohort: Cohort
) -> None:
    new = cohort(60, 5000)
    new["site"] = np.resize(["A", "A", "B", "B", "C", "C", "D", "D"], len(new))
    verdicts = by_site.judge(new)
    assert len(verdicts) == 180
    of = {site: rows for site, rows in verdicts.groupby("site")}
    assert of["A"]["accept"].any()
    assert not of["C"]["accept"].any()
    assert set(of["D"]["reason"]) == {"unknown_group"}
    assert (of["D"]["dice_low"] == 0.0).all()
    assert (of["D"]["dice_high"] == 1.0).all()
    assert of["D"]["message"].str.startswith("Group D was not calibrated").all()
    certified = of["A"][of["A"]["reason"] == "certified"]
    assert certified["message"].str.contains("accepted patients of group A").all()
    refused = of["C"][of["C"]["reason"] == "cannot_certify"]
    assert refused["message"].str.contains("every case").all()


def test_a_table_without_the_group_is_input_error_for_every_row_and_loses_none(
    by_site: CalibratedGate, cohort: Cohort, cheap: Candidates
) -> None:
    sizes = cohort(200).assign(size=lambda t: np.where(t["patient_id"] < "0100", "s", "l"))
    gate = QualityGate(groups="size").calibrate(sizes, candidates=cheap)
    verdicts = gate.judge(cohort(5, 5000))
    assert len(verdicts) == 15
    assert set(verdicts["reason"]) == {"input_error"}
    single = verdicts["structure"] != "whole_case"
    assert verdicts.loc[single, "message"].str.contains("column size").all()
    some = cohort(5, 5000).assign(size=["s", "s", None, None, "l", "l", "x", "x", "s", "s"])
    reasons = gate.judge(some).set_index(["case_id", "structure"])["reason"]
    assert set(reasons["c5001"]) == set(reasons["c5003"]) == {"unknown_group"}
    assert "unknown_group" not in set(reasons["c5000"])


def test_patients_without_a_group_do_not_calibrate_and_are_counted(
    cohort: Cohort, cheap: Candidates
) -> None:
    table = cohort(120)
    table["size"] = np.where(table["patient_id"].astype(int) % 3 == 0, None, "s")
    gate = QualityGate(groups="size").calibrate(table, candidates=cheap)
    assert gate.certificate.data["cases_without_group"] == 40
    assert gate.certificate.data["patients_calibration"] == 40
    with pytest.raises(InputError, match="the column scanner, by which to calibrate"):
        QualityGate(groups="scanner").calibrate(table, candidates=cheap)


def test_a_family_shares_delta_and_each_promise_says_its_confidence(
    cohort: Cohort, cheap: Candidates
) -> None:
    settings = QualityGate(family="all", interval_confidence=0.9)
    gate = settings.calibrate(cohort(400), candidates=cheap)
    for entry in gate.certificate.structures.values():
        assert entry.accept.confidence == entry.interval.confidence == 0.9667
        assert "With 96.67% confidence" in entry.accept.promise
    assert gate.certificate.lineage["spent"] == {
        "accept_promises": 3,
        "delta_of_each": 0.0333,
        "delta_of_each_so_far": 0.0333,
        "pac_intervals": 3,
        "delta_of_each_interval": 0.0333,
    }


def test_a_family_by_group_shares_delta_among_intervals_and_thresholds_of_all_groups(
    cohort: Cohort, cheap: Candidates
) -> None:
    settings = QualityGate(family="all", groups="site", interval_confidence=0.9)
    gate = settings.calibrate(cohort(400), candidates=cheap)
    for entry in gate.certificate.structures.values():
        assert entry.interval.confidence == 0.9834  # 3 structures x 2 sites share .1
        assert [one.delta_spent for one in entry.accept.by_group.values()] == [0.01665] * 2
    spent = gate.certificate.lineage["spent"]
    assert (spent["accept_promises"], spent["pac_intervals"]) == (6, 6)
    assert spent["accept_promises"] * spent["delta_of_each"] <= 0.1
    assert spent["pac_intervals"] * spent["delta_of_each_interval"] <= 0.1 + 1e-12


def test_groups_read_the_same_whatever_the_type_of_their_column(
    cohort: Cohort, cheap: Candidates
) -> None:
    table, new = cohort(200), cohort(20, 5000)
    table["scanner"] = table["patient_id"].astype(int) % 2
    gate = QualityGate(groups="scanner").calibrate(table, candidates=cheap)
    number = new["patient_id"].astype(int) % 2
    with_gap = number.astype(float).where(new["patient_id"] != "5003")
    verdicts = gate.judge(new.assign(scanner=with_gap))
    text = gate.judge(new.assign(scanner=number.astype(str)))
    missing = verdicts["patient_id"] == "5003"
    assert set(verdicts.loc[missing, "reason"]) == {"unknown_group"}
    assert verdicts.loc[missing, "message"].str.startswith("The group is missing").all()
    pd.testing.assert_frame_equal(verdicts[~missing], text[~missing])


def test_a_case_of_several_groups_neither_calibrates_nor_is_judged(
    by_site: CalibratedGate, cohort: Cohort, cheap: Candidates
) -> None:
    table, new = cohort(120), cohort(2, 5000)
    table.loc[0, "site"] = "Z"
    gate = QualityGate(groups="site").calibrate(table, candidates=cheap)
    assert gate.certificate.data["cases_without_group"] == 1
    new.loc[0, "site"] = "Z"
    verdicts = by_site.judge(new)
    mixed = verdicts["case_id"] == "c5000"
    assert set(verdicts.loc[mixed, "reason"]) == {"input_error"}
    assert verdicts.loc[mixed, "message"].iloc[0].startswith("expected one site per case")
    assert "input_error" not in set(verdicts.loc[~mixed, "reason"])


def test_an_unknown_site_is_no_group(by_site: CalibratedGate, cohort: Cohort) -> None:
    verdicts = by_site.judge(cohort(2, 5000).drop(columns="site"))
    assert set(verdicts["reason"]) == {"unknown_group"}


@pytest.mark.parametrize("column", ["feature_noise", "dice", "case_id", "structure"])
def test_features_labels_and_ids_are_no_groups(column: str) -> None:
    with pytest.raises(InputError, match="a column of groups"):
        QualityGate(groups=column)


def test_a_lower_interval_promises_one_end(cohort: Cohort, cheap: Candidates) -> None:
    table, new = cohort(200), cohort(30, 5000)
    both = QualityGate().calibrate(table, candidates=cheap).judge(new)
    lower = QualityGate(side="lower").calibrate(table, candidates=cheap).judge(new)
    assert (lower["dice_high"] == 1.0).all()
    assert (lower["dice_low"] >= both["dice_low"]).all()
    assert (lower["dice_low"] > both["dice_low"]).any()


def test_named_subsets_are_judged_by_their_worst_structure(
    cohort: Cohort, cheap: Candidates
) -> None:
    names = ("a", "b", "c")
    table, new = cohort(200, structures=names), cohort(30, 5000, structures=names)
    gate = QualityGate(subsets={"front": ["a", "b"]}).calibrate(table, candidates=cheap)
    assert list(gate.certificate.structures) == ["a", "b", "c", "subset:front", "whole_case"]
    assert gate.structures == names
    verdicts = gate.judge(new)
    assert verdicts["structure"].tolist()[:5] == list(gate.certificate.structures)
    score = verdicts.pivot(index="case_id", columns="structure", values="accept_score")
    assert (score["subset:front"] == score[["a", "b"]].min(axis=1)).all()
    assert (score["whole_case"] == score[["a", "b", "c"]].min(axis=1)).all()
    rows = calibration_rows(gate, "subset:front")
    accept = gate.certificate.structures["subset:front"].accept
    again = AcceptThreshold().calibrate(rows["accept_score"], rows["dice"], accept.grid)
    assert accept.threshold == again.threshold
    broken = new.assign(feature_agreement=new["feature_agreement"].where(new["structure"] != "b"))
    found = gate.judge(broken).query("structure == 'subset:front'")
    assert set(found["reason"]) == {"input_error"}
    assert found["message"].iloc[0].endswith("none for ['b']")


def test_subsets_that_are_none_are_refused(cohort: Cohort, cheap: Candidates) -> None:
    with pytest.raises(InputError, match="two or more different structures"):
        QualityGate(subsets={"front": ["a"]})
    with pytest.raises(InputError, match="two or more different structures"):
        QualityGate(subsets={"front": ["a", "b", "b"]})
    settings = QualityGate(subsets={"front": ["anterior", "liver"]})
    with pytest.raises(InputError, match=r"received \['liver'\]"):
        settings.calibrate(cohort(60), candidates=cheap)


@pytest.mark.parametrize(
    ("name", "words"),
    [("anterior", "anterior, which is a structure"), ("whole_case", "which is all structures")],
)
def test_a_subset_named_like_something_else_is_refused(
    cohort: Cohort, cheap: Candidates, name: str, words: str
) -> None:
    settings = QualityGate(subsets={name: ["anterior", "posterior"]})
    with pytest.raises(InputError, match=words):
        settings.calibrate(cohort(60), candidates=cheap)


def test_a_useless_signal_is_said_in_certificate_and_verdicts(
    cohort: Cohort, cheap: Candidates
) -> None:
    rng = np.random.default_rng(5)
    table, new = cohort(120), cohort(5, 5000)
    table["feature_agreement"] = rng.random(len(table))
    gate = QualityGate().calibrate(table, candidates=cheap)
    entry = gate.certificate.structures["anterior"]
    assert not entry.usefulness.informative
    assert "Uninformative: on 60 calibration patients" in entry.warning
    messages = gate.judge(new).query("structure == 'anterior'")["message"]
    assert messages.str.contains("does not rank masks better than chance").all()
    useful = QualityGate().calibrate(cohort(120), candidates=cheap)
    assert useful.certificate.structures["anterior"].warning == ""
