import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from segqc_conformal.adapters.mapie_models import cross_fitted, venn_abers_tables
from segqc_conformal.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


def test_each_fold_is_judged_by_the_model_that_did_not_see_it() -> None:
    rng = np.random.default_rng(0)
    features, dice = rng.normal(size=(12, 2)), rng.random(12)
    folds = np.array([2, 0, 1] * 4)
    models, errors = cross_fitted(LinearRegression(), features, dice, folds)
    assert len(models) == 3
    for fold, model in enumerate(models):
        alone = LinearRegression().fit(features[folds != fold], dice[folds != fold])
        rows = folds == fold
        assert model.predict(features).tolist() == alone.predict(features).tolist()
        assert errors[rows].tolist() == np.abs(dice - model.predict(features))[rows].tolist()


def test_an_estimator_that_cannot_be_fitted_is_refused_in_our_words() -> None:
    with pytest.raises(InputError, match=r"received ValueError: .*NaN"):
        cross_fitted(LinearRegression(), np.full((4, 1), np.nan), np.ones(4), np.arange(4))


def test_venn_abers_above_all_scores_a_good_case_is_certain() -> None:
    if_bad, if_good = venn_abers_tables(np.array([0, 1, 1]), np.array([True, False, True]))
    assert if_good.tolist() == pytest.approx([3 / 4, 3 / 4, 1.0])
    assert if_bad.tolist() == pytest.approx([0.0, 1 / 2, 1 / 2])


def test_only_the_adapter_imports_mapie() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("segqc_conformal", "calibrators", "monitors")
        for path in (ROOT / folder).rglob("*.py")
        for line in path.read_text().splitlines()
        if line.lstrip().startswith(("from mapie", "import mapie"))
    }
    assert found == {"segqc_conformal/adapters/mapie_models.py"}


def test_the_calibrators_load_neither_mapie_nor_scikit_learn_nor_skops() -> None:
    code = (
        "import sys, segqc_conformal.calibrators\n"
        "sys.exit(bool({'mapie', 'sklearn', 'skops'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
