from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.evaluation import summarise, with_true_dice
from segqc_conformal.gate import CalibratedGate

Cohort = Callable[..., pd.DataFrame]


def test_counts_are_those_of_a_loop(gate: CalibratedGate, cohort: Cohort) -> None:
    table = cohort(100, 5000, empty=0.05)
    later = table.assign(
        case_id="b" + table["case_id"], time=table["time"] + pd.Timedelta(days=9), dice=0.0
    )
    both = pd.concat([later, table], ignore_index=True)
    joined = with_true_dice(gate.judge(both), both)
    assert len(joined) == 600
    found = summarise(joined)
    dice = table.set_index(["case_id", "structure"])["dice"]
    verdicts = gate.judge(table)
    for structure in ("anterior", "posterior", "whole_case"):
        inside, accepted, bad = 0, 0, 0
        for row in verdicts[verdicts["structure"] == structure].itertuples():
            truth = (
                dice[row.case_id].min()
                if structure == "whole_case"
                else (dice[row.case_id, structure])
            )
            inside += row.dice_low <= truth <= row.dice_high
            accepted += row.accept
            bad += row.accept and truth <= 0.8
        numbers = found.loc[structure]
        assert numbers["patients"] == 100
        assert numbers["coverage"] == pytest.approx(inside / 100)
        assert numbers["share_accepted"] == pytest.approx(accepted / 100)
        error = bad / accepted if accepted else np.nan
        assert numbers["error_among_accepted"] == pytest.approx(error, nan_ok=True)
    assert found["share_accepted"].gt(0).any()


def test_an_unknown_dice_is_left_out_and_makes_the_whole_case_unknown(
    gate: CalibratedGate, cohort: Cohort
) -> None:
    table = cohort(10, 5000)
    table.loc[0, "dice"] = np.nan
    joined = with_true_dice(gate.judge(table), table)
    assert joined["dice"].isna().sum() == 2
    assert summarise(joined)["patients"].to_dict() == {
        "anterior": 9,
        "posterior": 10,
        "whole_case": 9,
    }


def test_a_subset_has_the_dice_of_its_worst_structure() -> None:
    names = ["a", "b", "c", "subset:first", "whole_case"]
    verdicts = pd.DataFrame({"case_id": ["x"] * 5 + ["y"] * 5, "structure": names * 2})
    table = pd.DataFrame(
        {"case_id": list("xxxyy"), "structure": list("abcac"), "dice": [0.9, 0.7, 0.5, 0.8, 0.6]}
    )
    joined = with_true_dice(verdicts, table, subsets={"first": ["a", "b"]}).set_index(
        ["case_id", "structure"]
    )["dice"]
    assert joined["x", "subset:first"] == 0.7
    assert joined["x", "whole_case"] == 0.5
    assert joined["y"][["b", "subset:first", "whole_case"]].isna().all()  # b has no row
    assert with_true_dice(verdicts, table)["dice"].notna().sum() == 6  # subsets not named: unknown


def test_where_nothing_is_accepted_the_error_is_unknown(
    gate: CalibratedGate, cohort: Cohort
) -> None:
    table = cohort(10, 5000, empty=1.1)
    found = summarise(with_true_dice(gate.judge(table), table))
    assert found["error_among_accepted"].isna().all()
    assert (found["coverage"] == 1.0).all()
    assert (found["mean_width"] == 1.0).all()
