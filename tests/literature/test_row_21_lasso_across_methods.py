"""Row 21 (Sunoqrot et al. 2020): LASSO from radiomics to a quality score of 0 to 100."""

from functools import cache

import numpy as np
import pandas as pd
from literature_row import LiteratureRow
from scipy.stats import spearmanr
from slipped_masks import METHODS, cases

from segqc_conformal.quality.cross_fit import cross_fitted
from segqc_conformal.quality.regressor import QualityRegressor

ROW = LiteratureRow(
    system="Quality control of prostate masks",
    paper="Sunoqrot et al. (2020)",
    signal="score of 0 to 100 by LASSO on radiomics",
    names=(
        "quality.regressor.QualityRegressor",
        "quality.cross_fit.cross_fitted",
    ),
    asserted="the score of masks by a method that did not train ranks them, LASSO drops features, "
    "and methods that trained are predicted more exactly",
    reconstruction="how the paper composes its score is not at hand; here it is 100 times Dice.",
)

LASSO = QualityRegressor("lasso", support=(0.0, 100.0))


@cache
def table() -> pd.DataFrame:
    """Return masks of three methods with their radiomics, and a score of 0 to 100."""
    found = cases(40, seed=3, methods=tuple(METHODS))
    return found.assign(score=100.0 * found["dice"])


def predicted(score: np.ndarray | pd.Series, by_method: bool) -> np.ndarray:
    """Predict each score by a model that saw no mask of the patient, or of the method."""
    methods = table()["method"] if by_method else None
    rows = table().drop(columns=["dice", "score"])
    return cross_fitted(LASSO, rows, score, methods=methods, folds=2).predicted


def test_row_21_a_score_carries_over_to_a_segmentation_method_never_seen() -> None:
    score = table()["score"]
    unseen, known = predicted(score, by_method=True), predicted(score, by_method=False)
    assert ((unseen >= 0.0) & (unseen <= 100.0)).all()
    assert spearmanr(unseen, score).statistic > 0.6
    assert np.abs(known - score).mean() < np.abs(unseen - score).mean()


def test_row_21_lasso_keeps_some_features_and_drops_others() -> None:
    fitted = LASSO.fit(table().drop(columns="score"), table()["score"], table()["patient_id"])
    weights = fitted.model_[-1].coef_
    assert 0 < np.count_nonzero(weights) < weights.size


def test_row_21_twin_scores_of_other_masks_are_not_predicted() -> None:
    shuffled = np.random.default_rng(0).permutation(table()["score"])
    assert abs(spearmanr(predicted(shuffled, by_method=True), shuffled).statistic) < 0.25
