"""Every case goes somewhere, and to the branch of the accepted only if the gate accepts it."""

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.review import QualityRouter, routes


def verdicts(**columns: object) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "case_id": ["good", "poor", "broken"],
            "patient_id": ["p", "q", "r"],
            "structure": "lung",
            "accept": [True, False, False],
            "p_above_low": [0.95, 0.6, 0.0],
            "reason": ["certified", "below_threshold", "input_error"],
            "message": ["at most 10% of accepted patients ...", "below", "NaN"],
        }
    )
    return table.assign(**columns)


def test_accepted_cases_go_to_their_branch_and_failures_to_the_other() -> None:
    found = routes(verdicts(), "structure", "whole_image")
    assert found["branch"].tolist() == ["structure", "whole_image", "whole_image"]
    assert found["weight"].tolist() == [0.95, 0.6, 0.0]
    assert found["message"].iloc[0].startswith("at most 10%")


def test_without_probabilities_the_weight_is_the_decision() -> None:
    found = routes(verdicts().drop(columns="p_above_low"))
    assert found["weight"].tolist() == [1.0, 0.0, 0.0]


def test_the_whole_case_decides_where_it_stands_and_a_case_without_it_is_referred() -> None:
    parts = verdicts(accept=True)
    whole = verdicts(structure="whole_case").iloc[:2]
    found = routes(pd.concat([parts, whole], ignore_index=True))
    assert found["branch"].tolist() == ["accepted", "referred", "referred"]
    assert found["message"].iloc[2] == "there is no verdict of whole_case"
    chosen = routes(pd.concat([parts, whole], ignore_index=True), structure="lung")
    assert (chosen["branch"] == "accepted").all()


def test_it_must_be_clear_whose_verdict_decides() -> None:
    two = pd.concat([verdicts(), verdicts(structure="heart")])
    with pytest.raises(InputError, match="name one of heart, lung"):
        routes(two)
    with pytest.raises(InputError, match="received 'liver'"):
        routes(two, structure="liver")
    with pytest.raises(InputError, match="different names"):
        routes(verdicts(), "same", "same")


def test_no_case_is_lost_whatever_a_branch_does() -> None:
    def structure(case: int) -> int:
        if case < 0:
            raise ValueError("no structure to measure")
        return 10 * case

    def whole_image(case: int) -> int:
        if case == 99:
            raise KeyError("pixels")
        return case

    router = QualityRouter(accepted=structure, referred=whole_image)
    table = verdicts(accept=[True, True, False])
    found = router(table, {"new": 4, "good": 1, "poor": -2, "broken": 99}).set_index("case_id")
    assert found.index.tolist() == ["new", "good", "poor", "broken"]
    assert found["output"].tolist()[:3] == [4, 10, -2]
    assert found["branch"].tolist() == ["referred", "accepted", "referred", "referred"]
    assert found.loc["new", "message"] == "there is no verdict of this case"
    assert found.loc["poor", "failed"] == "accepted: ValueError: no structure to measure"
    assert found.loc["broken", "failed"] == "referred: KeyError: 'pixels'"
    assert found.loc["broken", "output"] is None or np.isnan(found.loc["broken", "output"])


def test_no_cases_are_a_table_without_rows() -> None:
    assert routes(verdicts().iloc[:0], structure=None).empty
