import numpy as np
import pandas as pd

from segqc_conformal.quality.learning_curve import learning_curve
from segqc_conformal.quality.regressor import QualityRegressor


def test_errors_fall_towards_the_noise_and_the_same_patients_are_measured() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 12))
    line = 1.0 + features[:, :4].sum(axis=1) * 0.6 + rng.normal(0.0, 0.2, 400)
    table = pd.DataFrame(features, columns=[f"feature_{number}" for number in range(12)]).assign(
        patient_id=[f"p{number}" for number in range(400)],
        structure="s",
        dice=1.0 / (1.0 + np.exp(-line)),
    )
    measured = []

    def predict(fit: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
        assert not set(fit["patient_id"]) & set(test["patient_id"])
        measured.append(tuple(test["patient_id"]))
        model = QualityRegressor("linear").fit(fit, fit["dice"], fit["patient_id"])
        return model.predict(test)

    found = learning_curve(table, predict, [320, 20, 80, 20, 1, 321])
    assert found["patients"].tolist() == [20, 80, 320]
    assert found["error"].is_monotonic_decreasing
    assert found["error"].iloc[0] > 1.5 * found["error"].iloc[-1]
    assert found["spearman"].iloc[-1] > 0.95
    assert measured[:5] == measured[5:10] == measured[10:]
