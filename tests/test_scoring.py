"""Whole cases are centred by what the fit patients show, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.features.table import check_feature_table
from segqc_conformal.quality.centre import width_centre
from segqc_conformal.quality.predictor import fit_quality
from segqc_conformal.scoring import score_fit_rows, score_rows, with_scores

STRUCTURES = ("anterior", "posterior")


@pytest.fixture
def fit(cohort: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    return check_feature_table(cohort(60))


def test_the_centre_of_whole_cases_is_that_of_their_residuals_out_of_fold(
    fit: pd.DataFrame, cheap: dict[str, Any]
) -> None:
    fitted = fit_quality(fit, candidates=cheap)
    quality, scored = score_fit_rows(fit, fitted, STRUCTURES, 0.8, 0.1)
    before = with_scores(fit, fitted[1], STRUCTURES, 0.8)
    whole = before[before["structure"] == "whole_case"]
    dice, predicted, scale = whole[["dice", "predicted_dice", "scale"]].to_numpy(float).T
    assert quality.centres == {"whole_case": width_centre(dice, predicted, scale, 0.1)}
    assert quality.centres["whole_case"] != 0.0
    moved = scored.loc[scored["structure"] == "whole_case", "predicted_dice"]
    np.testing.assert_allclose(
        moved, np.clip(predicted + quality.centres["whole_case"] * scale, 0, 1)
    )
    pd.testing.assert_series_equal(scored["accept_score"], before["accept_score"])
    alone = before["structure"] != "whole_case"
    pd.testing.assert_frame_equal(scored[alone], before[alone])


def test_new_whole_cases_are_moved_alike_and_their_labels_move_nothing(
    fit: pd.DataFrame, cheap: dict[str, Any], cohort: Callable[..., pd.DataFrame]
) -> None:
    fitted = fit_quality(fit, candidates=cheap)
    quality, _ = score_fit_rows(fit, fitted, STRUCTURES, 0.8, 0.1)
    new = check_feature_table(cohort(30, 700))
    scored = score_rows(new, quality, STRUCTURES, 0.8).set_index(["case_id", "structure"])
    spoiled = score_rows(new.assign(dice=0.1), quality, STRUCTURES, 0.8)
    spoiled = spoiled.set_index(["case_id", "structure"])
    columns = ["predicted_dice", "scale", "accept_score"]
    pd.testing.assert_frame_equal(scored[columns], spoiled[columns])
    parts = scored["predicted_dice"].unstack()
    worst = parts[list(STRUCTURES)].idxmin(axis=1)
    scale = scored["scale"].unstack()
    for case, structure in worst.items():
        centred = parts.loc[case, structure]
        centred += quality.centres["whole_case"] * scale.loc[case, structure]
        assert parts.loc[case, "whole_case"] == pytest.approx(np.clip(centred, 0, 1))


def test_a_single_structure_has_no_centre_but_its_own(
    fit: pd.DataFrame, cheap: dict[str, Any]
) -> None:
    one = fit[fit["structure"] == "anterior"]
    quality, scored = score_fit_rows(
        one, fit_quality(one, candidates=cheap), ("anterior",), 0.8, 0.1
    )
    assert quality.centres == {}
    assert set(scored["structure"]) == {"anterior"}
