import numpy as np
import pytest
from scipy.stats import binom
from sklearn.linear_model import LinearRegression

from segqc_conformal.calibrators import (
    AcceptedInterval,
    AcceptThreshold,
    ConformalSelection,
    DiceInterval,
    JointRiskThreshold,
    MaskThreshold,
    mask_curve,
)
from segqc_conformal.calibrators.cross_conformal import CrossConformalInterval
from segqc_conformal.promise_needs import PromiseNeed, promise_needs

GOOD = 0.9


def needs(**changed: float) -> list[PromiseNeed]:
    settings = {
        "tolerated_error": 0.1,
        "confidence": 0.9,
        "miscoverage": 0.1,
        "accepted_share": 0.5,
        "error_among_accepted": 0.02,
    }
    return list(promise_needs(**{**settings, **changed}))


def perfect(patients: int) -> tuple[np.ndarray, np.ndarray]:
    return np.linspace(0.5, 1.0, patients), np.full(patients, GOOD)


def made(promise: int, patients: int) -> bool:
    """Whether a calibration of so many patients without a fault makes the promise of that row."""
    score, dice = perfect(patients)
    if promise in (0, 1):
        rule = DiceInterval(confidence=0.9 if promise else None)
        return rule.calibrate(score, dice).quantile is not None
    if promise == 2:
        return AcceptThreshold().calibrate(score, dice, [0.0]).threshold is not None
    if promise == 3:
        grid = np.linspace(0.4, 0.0, 50)
        certificate = AcceptedInterval().calibrate(score, score, dice, grid)
        return all(quantile is not None for quantile in certificate.quantiles)
    if promise == 4:
        return bool(ConformalSelection().calibrate(score, dice).select(np.ones(30)).all())
    if promise == 5:
        rule = JointRiskThreshold(tolerated_releases=0.1)
        return rule.calibrate(score, dice).threshold is not None
    if promise == 8:
        features = np.arange(patients, dtype=np.float64)[:, None]
        certificate = CrossConformalInterval().calibrate(LinearRegression(), features, score)
        low, high = certificate.interval([[1.0]])
        return bool(high - low < 1)
    reference = np.ones((2, 2), dtype=bool)
    curves = [mask_curve(np.full((2, 2), 0.5), reference) for _ in range(patients)]
    confidence = None if promise == 6 else 0.9
    return MaskThreshold("disc", confidence=confidence).calibrate(curves).threshold is not None


@pytest.mark.parametrize("promise", range(9))
def test_the_fewest_patients_make_the_promise_and_one_less_does_not(promise: int) -> None:
    fewest = needs()[promise].fewest
    assert fewest is not None
    assert made(promise, fewest)
    assert not made(promise, fewest - 1)


def test_all_accepted_without_error_needs_the_fewest_for_certain() -> None:
    for need in needs(accepted_share=1.0, error_among_accepted=0.0):
        assert need.likely == need.fewest, need.promise


def test_likely_number_of_the_interval_for_accepted_patients() -> None:
    need = needs(accepted_share=0.4)[3]
    assert need.of_accepted
    assert binom.sf(need.fewest - 1, need.likely, 0.4) >= 0.8
    assert binom.sf(need.fewest - 1, need.likely - 1, 0.4) < 0.8


@pytest.mark.parametrize(("patients", "likely"), [(79, True), (36, False)])
def test_likely_number_of_batch_selection_in_simulation(patients: int, likely: bool) -> None:
    assert needs(error_among_accepted=0.04)[4].likely == 79
    rng = np.random.default_rng(0)
    # the better half is bad in 4 %, the other half always
    batch = np.sort(rng.random(1000))
    found = 0
    for _ in range(400):
        score = rng.random(patients)
        bad = (score < 0.5) | (rng.random(score.size) < 0.04)
        chosen = ConformalSelection().calibrate(score, np.where(bad, 0.5, GOOD)).select(batch)
        found += chosen.sum() >= 495
    assert (found / 400 >= 0.8 - 0.04) == likely


def test_an_error_above_the_tolerated_one_is_never_likely() -> None:
    accept, batch = (needs(error_among_accepted=0.12)[row] for row in (2, 4))
    assert accept.likely is None
    assert batch.likely is None


def test_more_is_asked_of_stricter_promises() -> None:
    strict = needs(tolerated_error=0.05, confidence=0.95, miscoverage=0.05)
    for before, after in zip(needs(), strict, strict=True):
        assert after.fewest > before.fewest, after.promise
        assert "95 % confidence" in after.promise or "average" in after.promise
