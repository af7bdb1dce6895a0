from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.reports.shown_cases import shown_cases, structures_in_order


def test_whole_case_dice_is_the_worst_structures(gate, evaluation):
    assert evaluation.loc[evaluation["structure"] == "whole_case", "dice"].isna().all()
    shown = shown_cases(gate, evaluation)
    parts = evaluation[evaluation["structure"] != "whole_case"]
    worst = parts.groupby("case_id")["dice"].min()
    whole = shown.of("whole_case").set_index("case_id")["dice"]
    pd.testing.assert_series_equal(whole.sort_index(), worst.sort_index(), check_names=False)


def test_whole_case_with_an_unlabelled_structure_is_left_out(gate, evaluation):
    first = evaluation.index[evaluation["structure"] == "anterior"][0]
    known = evaluation.assign(dice=evaluation["dice"].mask(evaluation.index == first))
    case = evaluation.loc[first, "case_id"]
    assert case not in set(shown_cases(gate, known).of("whole_case")["case_id"])
    assert case in set(shown_cases(gate, known).of("posterior")["case_id"])


def test_subsets_are_shown_with_the_dice_of_their_worst_structure(
    cohort: Callable[..., pd.DataFrame], cheap: dict[str, Any]
):
    names = ("a", "b", "c")
    gate = QualityGate(subsets={"first": ["a", "b"]}).calibrate(
        cohort(60, structures=names), candidates=cheap
    )
    new = cohort(30, 5000, structures=names)
    keys = ["case_id", "structure"]
    known = gate.judge(new).merge(new[[*keys, "dice"]], on=keys, how="left")
    shown = shown_cases(gate, known).of("subset:first").set_index("case_id")["dice"]
    worst = new[new["structure"] != "c"].groupby("case_id")["dice"].min()
    assert len(shown) == 30
    assert (shown == worst[shown.index]).all()


def test_a_patient_counts_once(gate, evaluation):
    twice = pd.concat([evaluation, evaluation.assign(case_id=evaluation["case_id"] + "-2")])
    assert len(shown_cases(gate, twice).rows) == len(evaluation)


def test_covered_is_inside_the_closed_interval(gate, evaluation):
    rows = shown_cases(gate, evaluation).rows
    expected = [
        low <= dice <= high
        for low, dice, high in zip(rows["dice_low"], rows["dice"], rows["dice_high"], strict=True)
    ]
    assert rows["covered"].tolist() == expected


def test_calibration_cases_hit_as_often_as_their_quantile_says(gate):
    shown = shown_cases(gate)
    assert not shown.evaluated
    for name, certificate in gate.certificate.structures.items():
        rows = shown.of(name)
        known = rows[rows["predicted_dice"].notna()]
        rank = int(np.ceil((len(known) + 1) * 0.9 - 1e-9))
        assert known["covered"].sum() == rank
        assert certificate.interval.patients == len(known)


def test_whole_case_comes_first(gate):
    assert structures_in_order(gate) == ["whole_case", "anterior", "posterior"]
