import numpy as np
import pandas as pd
import pytest

from segqc_conformal.quality.cross_fit import cross_fitted
from segqc_conformal.quality.family_choice import allowed_families, chosen_family
from segqc_conformal.quality.regressor import QualityRegressor


def world(patients: int, effect: float, seed: int = 0) -> pd.DataFrame:
    """Return patients whose Dice depends on two features only together, as no line can tell."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(patients, 4))
    line = 1.0 + effect * np.sign(x[:, 0] * x[:, 1]) + rng.normal(0.0, 0.3, patients)
    frame = pd.DataFrame(x, columns=[f"feature_{name}" for name in "abcd"])
    names = [f"p{number:04d}" for number in range(patients)]
    return frame.assign(patient_id=names, structure="s", dice=1.0 / (1.0 + np.exp(-line)))


def test_more_patients_carry_richer_families() -> None:
    assert allowed_families(40, probability=False) == ("linear", "lasso")
    assert allowed_families(4_000, probability=False)[-1] == "boosted"
    assert "gaussian_process" not in allowed_families(4_000, probability=False)
    assert allowed_families(40, probability=True) == ("logistic",)


def test_a_family_is_chosen_by_patients_and_the_simplest_of_equals() -> None:
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(50), 3)
    simple = rng.exponential(0.1, 150)
    assert chosen_family({"linear": simple, "forest": simple - 1e-6}, people) == "forest"
    noisy = simple + rng.choice([-0.05, 0.05], 150) - 0.0001
    assert chosen_family({"linear": simple, "forest": noisy}, people) == "linear"
    # three rows of each patient are no three patients
    shared = np.repeat(np.r_[np.full(22, 0.05), np.full(28, -0.05)], 3)
    assert chosen_family({"linear": simple, "forest": simple + shared}, people) == "linear"
    assert chosen_family({"linear": simple, "forest": simple + shared}, np.arange(150)) == "forest"


def test_a_forest_is_taken_where_a_line_cannot_tell() -> None:
    table = world(400, effect=1.0)
    fitted = QualityRegressor().fit(table, table["dice"], table["patient_id"])
    assert fitted.family_ in ("forest", "boosted", "gaussian_process")
    assert fitted.losses_["linear"] > 1.3 * fitted.losses_[fitted.family_]


@pytest.mark.parametrize("patients", [40, 100])
def test_on_noise_the_choice_is_simple(patients: int) -> None:
    table = world(patients, effect=0.0)
    fitted = QualityRegressor().fit(table, table["dice"], table["patient_id"])
    assert fitted.family_ in ("linear", "lasso")


def test_on_noise_the_cross_fitted_error_of_the_choice_is_no_better_than_a_constants() -> None:
    table = world(40, effect=0.0)
    found = cross_fitted(QualityRegressor(), table, table["dice"])
    error = np.abs(table["dice"] - found.predicted).mean()
    assert error > 0.99 * np.abs(table["dice"] - table["dice"].median()).mean()
