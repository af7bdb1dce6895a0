import numpy as np
import pytest

from segqc_conformal.calibrators import DiceInterval
from segqc_conformal.coverage_spread import coverage_spread


@pytest.mark.parametrize(("patients", "confidence"), [(9, None), (60, None), (60, 0.9)])
def test_spread_equals_the_coverage_of_simulated_calibrations(
    patients: int, confidence: float | None
) -> None:
    rng = np.random.default_rng(0)
    rule = DiceInterval(confidence=confidence)
    # an error uniform in [0, 1] around a prediction of 0: coverage is the quantile itself
    covered = [
        rule.calibrate(np.zeros(patients), rng.random(patients)).quantile for _ in range(4000)
    ]
    spread = coverage_spread(patients, 0.1, confidence)
    assert spread is not None
    assert spread.mean == pytest.approx(np.mean(covered), abs=0.004)
    low, high = np.quantile(covered, [0.05, 0.95])
    assert (spread.low, spread.high) == pytest.approx((low, high), abs=0.015)


def test_too_few_patients_have_no_spread() -> None:
    assert coverage_spread(8, 0.1) is None
    assert coverage_spread(21, 0.1, 0.9) is None


def test_nine_in_ten_calibrations_with_confidence_keep_the_promise() -> None:
    spread = coverage_spread(1000, 0.1, 0.95)
    assert spread is not None
    assert spread.low == pytest.approx(0.9, abs=0.002)
