import time

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from segqc_conformal.calibrators import VennAbersProbability
from segqc_conformal.calibrators.venn_abers import VennAbersCertificate
from segqc_conformal.errors import InputError


def by_definition(
    scores: NDArray[np.float64], good: NDArray[np.bool_], new: float
) -> tuple[float, float]:
    """Isotonic regression on calibration and new case together, taken for bad and for good."""
    at = np.r_[scores, new]
    low, high = (
        IsotonicRegression().fit(at, np.r_[good, taken]).predict([new])[0] for taken in (0, 1)
    )
    return float(low), float(high)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("different", [2, 5, 1000])
def test_equals_isotonic_regression_on_all_cases_together(share: float, different: int) -> None:
    rng = np.random.default_rng([int(10 * share), different])
    for n in (1, 2, 3, 7, 12, 30):
        scores = rng.integers(0, different, n).astype(float)
        good = rng.random(n) < share
        certificate = VennAbersProbability().calibrate(scores, np.where(good, 0.9, 0.5))
        new = np.unique(np.r_[scores - 0.5, scores, scores + 0.5])
        low, high, merged = certificate.probability(new)
        expected = np.array([by_definition(scores, good, one) for one in new])
        np.testing.assert_allclose(low, expected[:, 0], atol=1e-12)
        np.testing.assert_allclose(high, expected[:, 1], atol=1e-12)
        np.testing.assert_allclose(merged, high / (1 - low + high), atol=1e-12)


def test_probabilities_are_ordered_grow_with_the_score_and_lie_between_0_and_1() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=200)
    certificate = VennAbersProbability().calibrate(scores, rng.random(200))
    low, high, merged = certificate.probability(np.linspace(-4, 4, 500))
    assert ((low >= 0) & (low <= merged) & (merged <= high) & (high <= 1)).all()
    for part in (low, high, merged):
        assert (np.diff(part) >= -1e-12).all()


def test_nobody_and_only_good_or_bad_patients_do_not_raise() -> None:
    nobody = VennAbersProbability().calibrate([], [])
    assert [part.tolist() for part in nobody.probability([0.3])] == [[0.0], [1.0], [0.5]]
    good = VennAbersProbability().calibrate([1.0, 2.0, 3.0], [0.9] * 3)
    assert [part[0] for part in good.probability([2.0])] == pytest.approx([2 / 3, 1.0, 0.75])
    bad = VennAbersProbability().calibrate([1.0, 2.0, 3.0], [0.8] * 3)
    assert [part[0] for part in bad.probability([2.0])] == pytest.approx([0.0, 1 / 3, 0.25])


def test_empty_predictions_lie_below_all_others() -> None:
    scores, dice = np.r_[np.arange(10.0), -np.inf, -np.inf], np.r_[[0.9] * 10, 0.0, 0.0]
    certificate = VennAbersProbability().calibrate(scores, dice)
    low, high, _ = certificate.probability([-np.inf, 5.0, np.inf])
    assert low[0] == 0.0
    assert high[0] == pytest.approx(1 / 3)
    assert (high[1:] == 1.0).all()
    without = VennAbersProbability().calibrate(scores[:10], dice[:10])
    assert without.probability([-np.inf])[0][0] == 0.0
    both_empty = VennAbersProbability().calibrate([-np.inf] * 4, [1.0, 1.0, 1.0, 0.0])
    assert both_empty.probability([-np.inf])[0][0] == pytest.approx(3 / 5)
    assert VennAbersCertificate.from_json(certificate.to_json()) == certificate


def test_json_round_trip_gives_the_same_bits_and_first_rows_count() -> None:
    rng = np.random.default_rng(1)
    scores, dice = rng.normal(size=60), rng.random(60)
    certificate = VennAbersProbability(0.5).calibrate(scores, dice)
    again = VennAbersCertificate.from_json(certificate.to_json())
    assert again == certificate
    new = rng.normal(size=100)
    for mine, theirs in zip(certificate.probability(new), again.probability(new), strict=True):
        assert mine.tobytes() == theirs.tobytes()
    doubled = VennAbersProbability(0.5).calibrate(
        np.tile(scores, 2), np.r_[dice, 1 - dice], np.tile(np.arange(60), 2)
    )
    assert doubled == certificate
    assert certificate.patients == 60
    assert "Dice > 0.5" in certificate.promise
    assert "beside the decision" in certificate.promise
    assert "accepts no case" in certificate.promise


def gap(p: NDArray[np.float64], good: NDArray[np.bool_]) -> float:
    """Largest distance of probability and share in ten bins, in standard errors."""
    bins = np.minimum((10 * p).astype(int), 9)
    found = []
    for one in range(10):
        rows = bins == one
        if rows.sum() >= 200:
            se = np.sqrt(max(p[rows].mean() * (1 - p[rows].mean()), 1e-4) / rows.sum())
            found.append(abs(p[rows].mean() - good[rows].mean()) / se)
    return max(found)


def test_the_probability_of_the_truth_is_calibrated_and_a_wrong_map_is_not() -> None:
    rng = np.random.default_rng(2)
    chosen, truths, mapped = [], [], []
    for _ in range(1000):
        score = np.round(rng.normal(0, 1.5, 33), 1)  # with ties
        good = rng.random(33) < expit(2 * score + 0.5)
        certificate = VennAbersProbability().calibrate(score[3:], np.where(good, 0.9, 0.5)[3:])
        low, high, _ = certificate.probability(score[:3])
        truths.append(good[:3])
        chosen.append(np.where(good[:3], high, low))
        mapped.append(expit(score[:3]))  # the raw score through a map that is too flat
    truth = np.concatenate(truths)
    assert gap(np.concatenate(chosen), truth) < 4.0
    assert gap(np.concatenate(mapped), truth) > 6.0


def test_pooling_rows_of_a_patient_would_break_the_calibration() -> None:
    rng = np.random.default_rng(3)
    found: dict[bool, list[NDArray[np.float64]]] = {True: [], False: []}
    truths, ids = [], np.arange(12).repeat(10)
    for _ in range(400):
        score = rng.normal(0, 1, 17)
        good = rng.random(17) < expit(score)
        rows = score[5:].repeat(10) + rng.normal(0, 0.01, 120)
        dice = np.where(good[5:], 0.9, 0.5).repeat(10)
        for pooled, patients in ((False, ids), (True, None)):
            certificate = VennAbersProbability().calibrate(rows, dice, patients)
            low, high, _ = certificate.probability(score[:5])
            found[pooled].append(np.where(good[:5], high, low))
        truths.append(good[:5])
    truth = np.concatenate(truths)
    assert gap(np.concatenate(found[False]), truth) < 4.0
    assert gap(np.concatenate(found[True]), truth) > 6.0


def test_ten_thousand_cases_with_500_patients_take_less_than_a_second() -> None:
    rng = np.random.default_rng(4)
    certificate = VennAbersProbability().calibrate(rng.normal(size=500), rng.random(500))
    new = rng.normal(size=10_000)
    start = time.perf_counter()
    certificate.probability(new)
    assert time.perf_counter() - start < 1.0


def test_bad_input_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="dice_threshold"):
        VennAbersProbability(1.5)
    with pytest.raises(InputError, match="accept score"):
        VennAbersProbability().calibrate([np.nan], [0.5])
    with pytest.raises(InputError, match="dice"):
        VennAbersProbability().calibrate([0.5], [1.5])
    with pytest.raises(InputError, match="accept score"):
        VennAbersProbability().calibrate([0.5], [0.5]).probability([np.nan])
