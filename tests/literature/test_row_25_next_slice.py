"""Row 25 (Zhou et al. 2022): the next slice to correct is the one of the lowest quality."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from literature_row import LiteratureRow
from planted_errors import SIDE, planted

from segqc_conformal.review import (
    after_correction,
    in_order,
    review_curve,
    slice_errors,
    slice_rows,
)

ROW = LiteratureRow(
    system="Quality-aware memory network (VMN)",
    paper="Zhou et al. Quality-aware memory network for interactive volumetric image "
    "segmentation. 2022",
    signal="A quality of each slice; the slice of the lowest one is corrected next, and the slices "
    "are ranked again with what was found in it.",
    names=(
        "review.slice_rows",
        "review.in_order",
        "review.after_correction",
        "quality.net.SliceHead",
    ),
    asserted="Slices with planted errors come first and are found sooner than in the order of the "
    "volume; a corrected slice never comes again and the next is the worst of the rest; what is "
    "found in a slice brings its neighbours forward.",
    reconstruction="The qualities are Soft Dice Confidence, pairwise Dice of the samples, or the "
    "expected error; a network's are those of `SliceHead`. The re-ranking is an autoregression of "
    "what was found, in place of the paper's new segmentation from the corrected slices.",
    out_of_scope="Interactive segmentation itself: no mask is drawn anew here.",
)
# each against errors of its own kind: a volume, or the Dice that a slice lacks
SCORES = {
    "expected_error_sum": "wrong_ml",
    "normalised_entropy_sum": "wrong_ml",
    "pairwise_dice": "lacking",
    "soft_dice_confidence": "lacking",
}


@cache
def reviewed(score: str) -> list[pd.DataFrame]:
    """Return the rows of six volumes, in the order of the volume, with the errors of each slice."""
    tables = []
    for seed in range(6):
        case = planted(seed, wrong=2, right=1)
        ids = {"case_id": str(seed), "structure": "ball"}
        errors = slice_errors(case.mask, case.reference, (1.0,) * 3, **ids)
        rows = slice_rows(case.structure, str(seed), score)
        known = rows.merge(errors, how="left").fillna({"wrong_ml": 0.0, "dice": 1.0})
        tables.append(known.assign(lacking=1.0 - known["dice"]))
    return tables


@pytest.mark.parametrize("score", SCORES)
def test_row_25_errors_are_found_sooner_than_in_the_order_of_the_volume(score: str) -> None:
    target = SCORES[score]
    areas = [
        (review_curve(in_order(rows)[target]).area, review_curve(rows[target]).area)
        for rows in reviewed(score)
    ]
    ours, volume = np.mean(areas, axis=0)
    assert ours > volume + 0.08
    assert ours > 0.56


@pytest.mark.parametrize("score", SCORES)
def test_row_25_twin_scores_of_other_slices_are_no_better_than_chance(score: str) -> None:
    rng, areas = np.random.default_rng(2), []
    for rows in reviewed(score):
        for _ in range(8):
            other = rows.assign(score=rng.permutation(rows["score"]))
            areas.append(review_curve(in_order(other)[SCORES[score]]).area)
    assert np.mean(areas) == pytest.approx(0.5, abs=0.05)


def test_row_25_a_corrected_slice_never_comes_again_and_the_next_is_the_worst_of_the_rest() -> None:
    rows = reviewed("expected_error_sum")[0]
    opened: list[int] = []
    while len(opened) < len(rows):
        done = rows[rows["slice"].isin(opened)].rename(columns={"wrong_ml": "error"})
        left = in_order(after_correction(rows, done))
        assert len(left) == len(rows) - len(opened)
        assert not set(left["slice"]) & set(opened)
        assert left["score"].iloc[0] == left["score"].max()
        opened.append(int(left["slice"].iloc[0]))
    assert sorted(opened) == rows["slice"].tolist()
    assert max(opened) < SIDE


def looks_until_found(correlation: float) -> int:
    """Count looks until an error through slices 5 to 9 is found, of which only 7 is doubted."""
    slices = np.arange(20)
    score = np.where(slices == 7, 0.5, np.where(slices >= 12, 0.2, 0.1))
    rows = pd.DataFrame({"case_id": "c", "structure": "ball", "slice": slices, "score": score})
    error = pd.Series(np.where((slices >= 5) & (slices <= 9), 0.9, 0.0), slices)
    opened: list[int] = []
    while not {5, 6, 7, 8, 9} <= set(opened):
        found = rows[rows["slice"].isin(opened)]
        found = found.assign(error=found["slice"].map(error))
        left = in_order(after_correction(rows, found, correlation))
        opened.append(int(left["slice"].iloc[0]))
    return len(opened)


def test_row_25_what_is_found_in_a_slice_brings_its_neighbours_forward() -> None:
    assert looks_until_found(0.8) <= 8
    assert looks_until_found(0.0) >= 15  # the twin: without re-ranking they come last
