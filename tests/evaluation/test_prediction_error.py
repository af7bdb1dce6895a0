import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from segqc_conformal.errors import InputError
from segqc_conformal.evaluation.prediction_error import mae, pearson, r2, rmse, spearman


@pytest.fixture(params=range(3))
def cases(request):
    rng = np.random.default_rng(request.param)
    true = np.round(rng.random(50), 1)
    return np.round(np.clip(true + rng.normal(0, 0.3, 50), 0, 1), 1), true


def test_numbers_are_those_of_scikit_learn_and_scipy(cases):
    predicted, true = cases
    assert mae(predicted, true) == pytest.approx(mean_absolute_error(true, predicted))
    assert rmse(predicted, true) == pytest.approx(root_mean_squared_error(true, predicted))
    assert r2(predicted, true) == pytest.approx(r2_score(true, predicted))
    assert pearson(predicted, true) == pytest.approx(pearsonr(predicted, true).statistic)
    assert spearman(predicted, true) == pytest.approx(spearmanr(predicted, true).statistic)


def test_a_distance_in_mm_is_a_target_too(cases):
    predicted, true = cases
    assert mae(10 * predicted, 10 * true) == pytest.approx(10 * mae(predicted, true))


def test_constants_have_no_correlation_and_no_share_explained():
    varied, constant = [0.1, 0.2, 0.3], [0.7, 0.7, 0.7]
    for metric in (pearson, spearman):
        assert np.isnan(metric(varied, constant))
        assert np.isnan(metric(constant, varied))
    assert np.isnan(r2(varied, constant))
    # a replicate that draws one case only
    assert np.isnan(pearson(varied, varied, [[3, 0, 0]])).all()


def test_correlation_of_huge_offsets_is_exact():
    value = np.array([1.0, 2.0, 4.0])
    assert pearson(value + 1e9, value) == pytest.approx(1.0)


def test_nan_is_refused():
    with pytest.raises(InputError, match="NaN"):
        spearman([np.nan, 1.0], [0.5, 0.5])
