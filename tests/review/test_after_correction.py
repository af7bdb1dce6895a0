import numpy as np
import pandas as pd
import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.review import after_correction, in_order
from segqc_conformal.review.after_correction import expected_surplus
from segqc_conformal.review.reranked_order import reranked_order


def test_the_surplus_is_the_conditional_mean_of_an_autoregression():
    slices, correlation = np.array([2, 3, 5, 6, 9, 14]), 0.7
    known = np.array([False, True, False, True, True, False])
    surplus = np.where(known, np.array([0, 0.3, 0, -0.2, 0.5, 0]), np.nan)
    covariance = correlation ** np.abs(slices[:, None] - slices[None, :])
    inverse = np.linalg.inv(covariance[np.ix_(known, known)])
    expected = covariance[:, known] @ inverse @ surplus[known]
    assert expected_surplus(slices, surplus, correlation) == pytest.approx(expected, abs=1e-12)


def test_nothing_known_or_no_correlation_changes_nothing():
    slices = np.arange(4)
    assert expected_surplus(slices, np.full(4, np.nan), 0.9).tolist() == [0.0] * 4
    found = expected_surplus(slices, np.array([np.nan, 0.5, np.nan, np.nan]), 0.0)
    assert found.tolist() == [0.0, 0.5, 0.0, 0.0]


def rows():
    return pd.DataFrame(
        {
            "case_id": ["c"] * 6 + ["d"] * 2,
            "structure": ["a", "a", "a", "b", "b", "b", "a", "a"],
            "slice": [1, 2, 3, 1, 2, 3, 1, 2],
            "score": [0.1, 0.5, 0.1, 0.2, 0.2, 0.2, 0.3, 0.3],
        }
    )


def test_a_corrected_slice_leaves_the_list_and_only_its_own_structure_is_scored_anew():
    found = pd.DataFrame({"case_id": ["c"], "structure": ["a"], "slice": [2], "error": [0.9]})
    left = after_correction(rows(), found, correlation=0.5)
    assert left[["case_id", "structure", "slice"]].to_numpy().tolist() == [
        ["c", "a", 1],
        ["c", "a", 3],
        ["c", "b", 1],
        ["c", "b", 3],
        ["d", "a", 1],
        ["d", "a", 2],
    ]
    assert left["score"].tolist() == pytest.approx([0.3, 0.3, 0.2, 0.2, 0.3, 0.3])
    better = after_correction(rows(), found.assign(error=0.0), correlation=0.9)
    assert better["score"].iloc[0] == 0.0  # never below 0


def test_the_simulated_order_is_that_of_correcting_one_slice_after_another():
    rng = np.random.default_rng(5)
    table = pd.DataFrame(
        [
            (case, structure, number, *rng.random(2))
            for case in "cd"
            for structure in "ab"
            for number in rng.permutation(8)[:6]
        ],
        columns=["case_id", "structure", "slice", "score", "error"],
    )
    wide = table.pivot_table(index=["case_id", "slice"], columns="structure").sort_index()
    at = wide.index.to_frame(index=False)
    order = reranked_order(wide["score"].T, wide["error"].T, at["case_id"], at["slice"], 0.6)
    opened: list[tuple[str, int]] = []
    for _ in range(len(at)):
        keys = pd.MultiIndex.from_frame(table[["case_id", "slice"]])
        done = table[keys.isin(opened)] if opened else table.head(0)
        first = in_order(after_correction(table, done, 0.6)).iloc[0]
        opened.append((first["case_id"], first["slice"]))
    assert [tuple(pair) for pair in at.to_numpy()[order]] == opened


def test_bad_corrections_are_refused():
    found = pd.DataFrame({"case_id": ["c"], "structure": ["a"], "slice": [2], "error": [np.nan]})
    with pytest.raises(InputError, match="finite"):
        after_correction(rows(), found)
    with pytest.raises(InputError, match="no columns"):
        after_correction(rows(), found.drop(columns="error"))
    with pytest.raises(InputError, match="correlation"):
        after_correction(rows(), found.assign(error=0.1), correlation=1.0)
