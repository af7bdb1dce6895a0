import numpy as np
import pytest

from segqc_conformal.calibrators import DiceInterval
from segqc_conformal.likely_width import likely_width


def world(patients: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    predicted = rng.uniform(0.5, 1.0, patients)
    scale = 1.05 - predicted
    return predicted, np.clip(predicted + 0.3 * scale * rng.normal(size=patients), 0, 1), scale


@pytest.mark.parametrize("confidence", [None, 0.9])
@pytest.mark.parametrize("side", ["two-sided", "lower"])
def test_forecast_agrees_with_fresh_calibrations(confidence: float | None, side: str) -> None:
    predicted, dice, scale = world(3000)
    found = likely_width(predicted, dice, scale, 50, 0.1, confidence, side)
    rule, widths = DiceInterval(0.1, side, confidence), []
    for seed in range(1, 201):
        low, high = rule.calibrate(*world(50, seed)).interval(predicted, scale)
        widths.append((high - low).mean())
    assert found.mean == pytest.approx(np.mean(widths), rel=0.05)
    assert (found.low, found.high) == pytest.approx(np.quantile(widths, [0.05, 0.95]), rel=0.12)


def test_more_coverage_or_fewer_patients_are_wider() -> None:
    sizes = [likely_width(*world(100), 60, alpha).mean for alpha in (0.3, 0.1, 0.05)]
    assert sizes == sorted(sizes)
    few, many = (likely_width(*world(100), patients, 0.1) for patients in (15, 300))
    assert few.high - few.low > many.high - many.low


@pytest.mark.parametrize(("patients", "confidence"), [(8, None), (21, 0.9), (0, None)])
def test_too_few_patients_say_nothing(patients: int, confidence: float | None) -> None:
    found = likely_width(*world(100), patients, 0.1, confidence)
    assert (found.low, found.mean, found.high) == (1.0, 1.0, 1.0)


def test_predictions_that_are_all_empty_say_nothing() -> None:
    assert likely_width(np.empty(0), np.empty(0), np.empty(0), 60, 0.1).mean == 1.0
