from typing import Any

import numpy as np
import pytest

from segqc_conformal.gate import CalibratedGate
from segqc_conformal.monitors import gate_estimates


def test_where_masks_are_as_good_as_their_scores_say_the_estimates_are_near_the_truth(
    gate: CalibratedGate, cohort: Any
) -> None:
    # harder cases of the same kind: a shift of the features alone
    new = cohort(800, 5000)
    hardest = new.groupby("case_id")["feature_agreement"].transform("min")
    new = new[hardest < 0.85]
    cases = new["case_id"].nunique()
    found = gate_estimates(gate, new).set_index("structure")
    assert found.index.tolist() == ["anterior", "posterior", "whole_case"]
    assert found["cases"].tolist() == [cases] * 3
    whole = new.groupby("case_id")["dice"].min()
    for name, dice in (
        ("anterior", new.loc[new["structure"] == "anterior", "dice"]),
        ("whole_case", whole),
    ):
        for how in ("direct", "thresholded", "difference"):
            assert found.loc[name, how] == pytest.approx(dice.mean(), abs=0.04)
        assert found.loc[name, "bad_direct"] == pytest.approx((dice <= 0.8).mean(), abs=0.1)
    assert (found["direct"] < found["calibration"]).all()


def test_masks_that_get_worse_unnoticed_do_not_move_them(gate: CalibratedGate, cohort: Any) -> None:
    new = cohort(400, 5000)
    assert gate_estimates(gate, new).equals(gate_estimates(gate, new.assign(dice=0.0)))


def test_rows_that_cannot_be_scored_are_left_out(gate: CalibratedGate, cohort: Any) -> None:
    new = cohort(10, 5000)
    new.loc[new["case_id"] == "c5000", "feature_agreement"] = np.nan
    found = gate_estimates(gate, new).set_index("structure")
    assert found.loc["whole_case", "cases"] == 9
    assert gate_estimates(gate, new.drop(columns="feature_agreement")).empty
    assert gate_estimates(gate, new.assign(feature_agreement=np.nan)).empty
