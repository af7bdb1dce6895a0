import numpy as np
import pandas as pd
import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.review import in_order, slice_rows, slices_together


def test_one_list_of_all_structures_and_cases(structures):
    rows = pd.concat(
        [slice_rows(each, case) for case in ("b", "a") for each in structures.values()]
    )
    together = slices_together(rows)
    assert not together.duplicated(["case_id", "slice"]).any()
    assert together["case_id"].drop_duplicates().tolist() == ["b", "a"]
    worst = rows.groupby(["case_id", "slice"])["score"].max()
    assert together.set_index(["case_id", "slice"])["score"].equals(
        worst.loc[list(zip(together["case_id"], together["slice"], strict=True))]
    )
    ordered = in_order(together)
    assert (ordered["score"].diff().dropna() <= 0).all()
    assert ordered["place"].tolist() == list(range(1, len(ordered) + 1))


def test_a_users_own_scores_are_put_in_order_and_ties_stay():
    predicted = pd.DataFrame({"slice": [0, 1, 2], "predicted_dice": [0.9, 0.3, 0.9]})
    rows = predicted.assign(score=1.0 - predicted["predicted_dice"])
    assert in_order(rows)["slice"].tolist() == [1, 0, 2]


def test_rows_without_a_score_are_refused():
    with pytest.raises(InputError, match="no column"):
        in_order(pd.DataFrame({"slice": [1]}))
    with pytest.raises(InputError, match="NaN"):
        in_order(pd.DataFrame({"score": [1.0, np.nan]}))
