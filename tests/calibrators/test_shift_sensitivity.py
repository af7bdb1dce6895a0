import json

import numpy as np
import pytest
from scipy.stats import beta, binom

from segqc_conformal.calibrators import AcceptThreshold, DiceInterval
from segqc_conformal.calibrators.accept_certificate import AcceptCertificate
from segqc_conformal.calibrators.interval_certificate import IntervalCertificate
from segqc_conformal.calibrators.shift_sensitivity import accept_sensitivity, interval_sensitivity
from segqc_conformal.errors import InputError

DRAWS = 800


def interval(patients: int, confidence: float | None = None) -> IntervalCertificate:
    dice = np.random.default_rng(patients).random(patients)
    return DiceInterval(miscoverage=0.1, confidence=confidence).calibrate(np.ones(patients), dice)


def accepted(good: int, bad: int, referred: int = 0, **settings: object) -> AcceptCertificate:
    score = np.repeat([1.0, 0.0], [good + bad, referred])
    dice = np.repeat([0.9, 0.1], [good, bad + referred])
    return AcceptThreshold(**settings).calibrate(score, dice, grid=[0.5])


@pytest.mark.parametrize("patients", [9, 10, 50, 99, 200])
def test_marginal_interval_has_its_exact_miscoverage(patients: int) -> None:
    found = interval_sensitivity(interval(patients))
    rank = int(np.ceil((patients + 1) * 9 / 10 - 1e-9))
    assert found.rate == pytest.approx(1 - rank / (patients + 1))
    assert found.limit == 0.15
    assert found.shift == pytest.approx(0.15 - found.rate)
    assert found.confidence is None


@pytest.mark.parametrize("patients", [22, 60, 200])
def test_interval_with_confidence_has_the_upper_end_of_its_beta_law(patients: int) -> None:
    found = interval_sensitivity(interval(patients, confidence=0.9))
    assert found.rate <= 0.1
    rank = next(k for k in range(1, patients + 1) if binom.sf(k - 1, patients, 0.9) <= 0.1)
    # coverage is Beta(rank, n + 1 - rank): below 1 - rate with probability 0.1
    assert beta.cdf(1 - found.rate, rank, patients + 1 - rank) == pytest.approx(0.1)
    this_one = interval_sensitivity(interval(patients), confidence=0.9)
    assert this_one.rate > 0.1
    assert this_one.confidence == 0.9


def test_an_interval_that_is_everything_cannot_break() -> None:
    found = interval_sensitivity(interval(8))
    assert (found.rate, found.shift) == (0.0, 0.15)


def test_intervals_of_several_populations_are_refused() -> None:
    predicted, dice = np.ones(60), np.random.default_rng(0).random(60)
    groups = np.repeat(["a", "b"], 30)
    by_group = DiceInterval().calibrate(predicted, dice, groups=groups)
    with pytest.raises(InputError, match="received one with groups"):
        interval_sensitivity(by_group)
    weighted = DiceInterval().calibrate(
        predicted, dice, weights=np.linspace(1, 2, 60), weights_are="known"
    )
    with pytest.raises(InputError, match="received one with weights"):
        interval_sensitivity(weighted)


@pytest.mark.parametrize(("good", "bad"), [(30, 0), (50, 1), (100, 4)])
def test_accepted_error_has_its_clopper_pearson_bound(good: int, bad: int) -> None:
    found = accept_sensitivity(accepted(good, bad, referred=50))
    assert found is not None
    n = good + bad
    assert binom.cdf(bad, n, found.rate) == pytest.approx(0.1)
    assert found.share == pytest.approx(n / (n + 50))
    assert found.shift == pytest.approx(found.share * (0.15 - found.rate))
    assert found.shift_among == pytest.approx(0.15 - found.rate)
    assert json.loads(found.to_json())["shift"] == found.shift


def test_a_certificate_at_the_edge_has_no_room_left() -> None:
    found = accept_sensitivity(accepted(22, 0), limit=0.1)
    assert found is not None
    assert found.rate == pytest.approx(1 - 0.1 ** (1 / 22))
    assert 0.0 < found.shift_among < 0.001
    assert accept_sensitivity(accepted(21, 0)) is None


def test_the_largest_bound_of_the_sequence_counts_not_the_last() -> None:
    score, dice = np.linspace(0, 1, 200), np.full(200, 0.9)
    certificate = AcceptThreshold().calibrate(score, dice, grid=[0.85, 0.5, 0.0])
    found = accept_sensitivity(certificate)
    assert found is not None
    first = certificate.tests[0].accepted
    assert found.rate == pytest.approx(1 - 0.1 ** (1 / first))
    assert found.share == 1.0


@pytest.mark.parametrize("settings", [{"test": "betting"}, {"procedure": "holm"}, {"starts": 2}])
def test_other_tests_are_taken_at_what_they_certify(settings: dict[str, object]) -> None:
    found = accept_sensitivity(accepted(200, 0, **settings))
    assert found is not None
    assert found.rate == 0.1


def test_a_later_look_counts_with_what_it_spent() -> None:
    found = accept_sensitivity(accepted(100, 0, looks="many", look=1))
    assert found is not None
    assert found.rate == pytest.approx(1 - 0.05 ** (1 / 100))


def test_certificates_that_do_not_count_patients_are_refused() -> None:
    cases = AcceptThreshold(cases="mean", test="betting")
    certificate = cases.calibrate(np.ones(200), np.full(200, 0.9), [0.5])
    with pytest.raises(InputError, match='cases="mean"'):
        accept_sensitivity(certificate)


def test_words_round_against_the_promise() -> None:
    found = accept_sensitivity(accepted(60, 0, referred=40))
    assert found is not None
    assert found.rate == pytest.approx(0.03765, abs=1e-5)
    assert found.shift == pytest.approx(0.06741, abs=1e-5)
    assert "at most 3.8% of accepted patients are bad" in found.in_words
    assert "no more than 6.7% of new patients" in found.in_words
    assert "11.2% of the accepted, who were 60% of all" in found.in_words
    tight = accept_sensitivity(accepted(60, 0), limit=0.03)
    assert tight is not None
    assert "leaves no room for a shift below 3%" in tight.in_words
    assert "on average over calibrations" in interval_sensitivity(interval(99)).in_words


# The claim "this certificate stays at most LIMIT under a shift SHIFT among the accepted", both
# named beforehand, in a world where the error among the accepted grows from strict to loose.
LIMIT, SHIFT = 0.15, 0.08
GRID = np.linspace(0.8, 0.1, 8)


def true_error(threshold: float, slope: float) -> float:
    return slope * (1.0 - threshold) / 2.0  # P(bad | score) = slope (1 - score), score uniform


def drawn(slope: float, flat: float, grid: np.ndarray) -> list[AcceptCertificate]:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(DRAWS):
        score = rng.random(300)
        bad = rng.random(300) < flat + slope * (1.0 - score)
        found.append(AcceptThreshold().calibrate(score, np.where(bad, 0.5, 0.9), grid))
    return [certificate for certificate in found if certificate.threshold is not None]


@pytest.mark.parametrize(
    ("slope", "flat", "grid", "fewest"),
    [(0.25, 0.0, GRID, 0.0), (0.0, 0.0701, GRID[-1:], 0.05)],
    ids=["growing", "one threshold"],
)
def test_a_pair_named_beforehand_is_claimed_wrongly_at_most_as_often_as_allowed(
    slope: float, flat: float, grid: np.ndarray, fewest: float
) -> None:
    wrong = twin = 0
    for certificate in drawn(slope, flat, grid):
        assert certificate.threshold is not None
        found = accept_sensitivity(certificate, LIMIT)
        assert found is not None
        breaks = flat + true_error(certificate.threshold, slope) + SHIFT > LIMIT
        last = next(s for s in certificate.tests if s.threshold == certificate.threshold)
        wrong += breaks and found.shift_among >= SHIFT
        twin += breaks and LIMIT - last.bad / last.accepted >= SHIFT
    error = 2 * np.sqrt(0.1 * 0.9 / DRAWS)
    assert fewest <= wrong / DRAWS <= 0.1 + error
    assert twin / DRAWS > 0.1 + error  # the share seen is no bound


def test_intervals_under_a_share_of_patients_that_are_all_missed() -> None:
    rng = np.random.default_rng(2)
    patients, shift, sets = 59, 0.05, 4000
    nonconformity = np.sort(rng.random((sets, patients)), axis=1)
    rank = patients + 1 - round(interval_sensitivity(interval(patients)).rate * (patients + 1))
    missed = 1.0 - nonconformity[:, rank - 1]  # of a new patient, uniform as well
    found = interval_sensitivity(interval(patients))
    error = 3 * missed.std() / np.sqrt(sets)
    assert (missed + shift).mean() == pytest.approx(found.rate + shift, abs=error)
    assert (missed + shift).mean() <= found.limit + error
    assert found.shift >= shift - 1e-12
    this_one = interval_sensitivity(interval(patients), limit=0.2, confidence=0.9)
    over = (missed + this_one.shift > 0.2).mean()
    assert over == pytest.approx(0.1, abs=2 * np.sqrt(0.09 / sets))
