"""Row 21 (Sunoqrot et al. 2020): LASSO from radiomics to a quality score of 0 to 100."""

import numpy as np
from scipy.stats import spearmanr
from slipped_masks import METHODS, cases

from segqc_conformal.quality.cross_fit import cross_fitted
from segqc_conformal.quality.regressor import QualityRegressor

TABLE = cases(40, seed=3, methods=tuple(METHODS))
SCORE = 100.0 * TABLE["dice"]
LASSO = QualityRegressor("lasso", support=(0.0, 100.0))


def test_row_21_a_score_carries_over_to_a_segmentation_method_never_seen() -> None:
    found = cross_fitted(LASSO, TABLE, SCORE, methods=TABLE["method"], folds=2)
    assert ((found.predicted >= 0.0) & (found.predicted <= 100.0)).all()
    assert spearmanr(found.predicted, SCORE).statistic > 0.6
    known = cross_fitted(LASSO, TABLE, SCORE, folds=2)
    assert np.abs(known.predicted - SCORE).mean() < np.abs(found.predicted - SCORE).mean()


def test_row_21_lasso_keeps_some_features_and_drops_others() -> None:
    weights = LASSO.fit(TABLE, SCORE, TABLE["patient_id"]).model_[-1].coef_
    assert 0 < np.count_nonzero(weights) < weights.size


def test_row_21_twin_scores_of_other_masks_are_not_predicted() -> None:
    shuffled = SCORE.to_numpy()[np.random.default_rng(0).permutation(len(TABLE))]
    found = cross_fitted(LASSO, TABLE, shuffled, methods=TABLE["method"], folds=2)
    assert abs(spearmanr(found.predicted, shuffled).statistic) < 0.25
