import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.calibrators import DiceInterval
from segqc_conformal.errors import FileFormatError, InputError, TamperedError
from segqc_conformal.quality.families import FAMILIES, PROBABILITY_FAMILIES
from segqc_conformal.quality.regressor import QualityRegressor
from segqc_conformal.quality.saved_regressor import load_regressor, save_regressor


def world(patients: int, seed: int = 0) -> pd.DataFrame:
    """Return patients with two structures; Dice depends on one feature, and its spread too."""
    rng = np.random.default_rng(seed)
    ease = np.repeat(rng.normal(size=patients), 2)
    rows = 2 * patients
    line = 1.5 + ease + np.exp(-0.3 * ease) * rng.normal(0.0, 0.2, rows)
    return pd.DataFrame(
        {
            "patient_id": [f"p{number:04d}" for number in np.arange(rows) // 2],
            "structure": ["anterior", "posterior"] * patients,
            "feature_ease": ease + rng.normal(0.0, 0.1, rows),
            "feature_noise": rng.normal(size=rows),
            "feature_other": rng.normal(size=rows),
            "dice": 1.0 / (1.0 + np.exp(-line)),
        }
    )


@pytest.mark.parametrize("family", [*FAMILIES, "auto"])
def test_every_family_predicts_a_bounded_target_better_than_its_median(family: str) -> None:
    train, test = world(100), world(100, seed=1)
    fitted = QualityRegressor(family).fit(train, train["dice"], train["patient_id"])
    predicted, scale = fitted.predict(test), fitted.predict_scale(test)
    assert ((predicted > 0) & (predicted < 1)).all()
    assert (scale > 0).all()
    error, constant = (np.abs(test["dice"] - by).mean() for by in (predicted, 0.8))
    assert error < 0.6 * constant
    # errors are where the scale says
    large = scale > np.median(scale)
    errors = np.abs(test["dice"] - predicted)
    assert errors[large].mean() > 1.5 * errors[~large].mean()


@pytest.mark.parametrize("family", [*PROBABILITY_FAMILIES, "auto"])
def test_every_probability_family_is_calibrated_and_ranks(family: str) -> None:
    train, test = world(200), world(300, seed=1)
    fitted = QualityRegressor(family, above=0.8).fit(train, train["dice"], train["patient_id"])
    chance, good = fitted.predict(test), test["dice"] > 0.8
    assert ((chance >= 0) & (chance <= 1)).all()
    assert abs(chance.mean() - good.mean()) < 0.06
    assert np.mean((chance - good) ** 2) < 0.6 * good.mean() * (1 - good.mean())


@pytest.mark.parametrize("support", [(0.0, np.inf), (1.0, 5.0), None])
def test_other_targets_keep_inside_their_support(support: tuple[float, float] | None) -> None:
    train, test = world(80), world(80, seed=1)
    low, high = support or (-np.inf, np.inf)
    targets = [
        (1.0 + 4.0 * rows["dice"] if support == (1.0, 5.0) else 30.0 * (1.0 - rows["dice"]) ** 2)
        for rows in (train, test)
    ]
    fitted = QualityRegressor("linear", support=support).fit(train, targets[0])
    predicted = fitted.predict(test)
    assert predicted.min() >= low
    assert predicted.max() <= high
    assert np.corrcoef(predicted, targets[1])[0, 1] > 0.7
    # a distance gets an interval like any other measure
    if support == (0.0, np.inf):
        settings = DiceInterval(support=support, measure="HD95")
        new = world(400, seed=2)
        certificate = settings.calibrate(predicted, targets[1], fitted.predict_scale(test))
        low_end, high_end = certificate.interval(fitted.predict(new), fitted.predict_scale(new))
        truth = 30.0 * (1.0 - new["dice"]) ** 2
        assert 0.83 < np.mean((low_end <= truth) & (truth <= high_end)) < 0.97


def test_lasso_drops_what_says_nothing() -> None:
    train = world(300)
    fitted = QualityRegressor("lasso").fit(train, train["dice"], train["patient_id"])
    weights = np.abs(fitted.model_[-1].coef_)
    assert weights[0] > 20 * weights[1:3].max()


def test_errors_say_what_was_expected() -> None:
    rows = world(20)
    for settings, target, match in (
        ({"family": "magic"}, rows["dice"], "a family among"),
        ({"family": "linear", "above": 0.8}, rows["dice"], "logistic"),
        ({"family": "logistic"}, rows["dice"], "a family among"),
        ({}, rows["dice"].where(rows.index > 0), "1 that are not finite"),
        ({}, rows["dice"] * 2, r"targets in \[0, 1\]"),
        ({"above": 0.0}, rows["dice"], "on both sides of 0"),
        ({"support": (-np.inf, 0.0)}, rows["dice"], "finite low"),
    ):
        with pytest.raises(InputError, match=match):
            QualityRegressor(**settings).fit(rows, target)
    with pytest.raises(InputError, match="at least 4 patients"):
        QualityRegressor().fit(rows, rows["dice"], np.zeros(40))


@pytest.mark.parametrize(
    "settings",
    [{"family": "auto"}, {"family": "forest", "above": 0.8}, {"support": (0.0, np.inf)}],
    ids=["dice", "probability", "distance"],
)
def test_a_regressor_is_the_same_in_a_new_process_and_refuses_a_changed_byte(
    settings: dict, tmp_path: Path
) -> None:
    train, test = world(90), world(5, seed=1)
    fitted = QualityRegressor(**settings).fit(train, train["dice"], train["patient_id"])
    folder = save_regressor(tmp_path / "saved", fitted)
    test.to_parquet(tmp_path / "test.parquet")
    code = (
        "import sys, pandas as pd\n"
        "from segqc_conformal.quality.saved_regressor import load_regressor\n"
        "found = load_regressor(sys.argv[1]); rows = pd.read_parquet(sys.argv[2])\n"
        "print(found.predict(rows).tobytes().hex(), found.predict_scale(rows).tobytes().hex())"
    )
    command = [sys.executable, "-c", code, str(folder), str(tmp_path / "test.parquet")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert told == [
        each.tobytes().hex() for each in (fitted.predict(test), fitted.predict_scale(test))
    ]
    loaded = load_regressor(folder)
    assert loaded.get_params() == fitted.get_params()
    for name in ("regressor.json", "regressor.skops"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
        with pytest.raises(TamperedError, match=name):
            load_regressor(folder)
        (folder / name).write_bytes(content)
    (folder / "regressor.skops").unlink()
    with pytest.raises(TamperedError, match=r"regressor\.skops"):
        load_regressor(folder)
    with pytest.raises(FileFormatError, match=r"regressor\.json"):
        load_regressor(tmp_path)
