from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from segqc_conformal.calibrators.conformal_selection import (
    ConformalSelection,
    SelectionCertificate,
    benjamini_hochberg,
)
from segqc_conformal.errors import InputError


def world(n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    score = rng.random(n)
    return score, np.where(rng.random(n) < 0.6 * (1 - score) ** 1.5 + 0.02, 0.5, 0.9)


def brute_force(
    cal: NDArray[np.float64], dice: NDArray[np.float64], batch: NDArray[np.float64], q: float
) -> list[bool]:
    p = [
        (1 + sum(1 for s, d in zip(cal, dice, strict=True) if d <= 0.8 and s >= new))
        / (cal.size + 1)
        for new in batch
    ]
    largest = 0
    for k in range(1, batch.size + 1):
        if sorted(p)[k - 1] <= q * k / batch.size + 1e-12:
            largest = k
    return [value <= (sorted(p)[largest - 1] if largest else -1.0) for value in p]


@pytest.mark.parametrize("decimals", [1, 2, 8])
def test_selection_equals_benjamini_hochberg_written_out_also_with_ties(decimals: int) -> None:
    rng = np.random.default_rng(0)
    for n, m in ((5, 3), (40, 20), (120, 1), (119, 60)):
        score, dice = world(n, rng)
        score, batch = score.round(decimals), rng.random(m).round(decimals)
        for q in (0.05, 0.1, 0.3):
            found = ConformalSelection(tolerated_error=q).calibrate(score, dice).select(batch)
            assert found.tolist() == brute_force(score, dice, batch, q)


def test_an_empty_prediction_is_never_selected() -> None:
    certificate = ConformalSelection().calibrate(np.arange(99.0), np.full(99, 0.9))
    assert certificate.select([-np.inf, 0.0]).tolist() == [False, True]
    weighted = ConformalSelection().calibrate(
        np.arange(99.0), np.full(99, 0.9), weights=np.ones(99), weights_are="known"
    )
    assert weighted.select([-np.inf, 0.0], [1.0, 1.0]).tolist() == [False, True]


def test_an_empty_batch_and_no_patients_select_nothing() -> None:
    certificate = ConformalSelection().calibrate([], [])
    assert certificate.select([1.0, 2.0]).tolist() == [False, False]
    assert certificate.select([]).size == 0


def test_a_patient_counts_once() -> None:
    certificate = ConformalSelection().calibrate(
        np.ones(60), np.full(60, 0.5), patients=np.arange(20).repeat(3)
    )
    assert (certificate.calibration.patients, len(certificate.calibration.scores)) == (20, 20)


def test_json_round_trip_is_exact() -> None:
    score, dice = world(50, np.random.default_rng(1))
    for weights, are in ((None, None), (score + 0.1, "estimated")):
        found = ConformalSelection().calibrate(score, dice, weights=weights, weights_are=are)
        assert SelectionCertificate.from_json(found.to_json()) == found


def test_the_promise_is_about_averages_and_says_so() -> None:
    promise = ConformalSelection().calibrate([0.5], [0.9]).promise
    assert "on average over calibrations of 1 patients and over batches" in promise
    assert "This batch may hold more" in promise
    estimated = ConformalSelection().calibrate([0.5], [0.9], None, [1.0], "estimated")
    assert "approximately" in estimated.promise


def test_weights_of_unsaid_origin_or_missing_in_the_batch_are_refused() -> None:
    with pytest.raises(InputError, match="say where the weights come from"):
        ConformalSelection().calibrate([0.5], [0.9], weights=[1.0])
    found = ConformalSelection().calibrate([0.5], [0.9], weights=[1.0], weights_are="known")
    with pytest.raises(InputError, match="if and only if"):
        found.select([0.5])


def false_discovery_rate(n: int, m: int, draws: int, count_itself: bool) -> float:
    rng = np.random.default_rng(2)
    shares = []
    for _ in range(draws):
        score, dice = world(n, rng)
        batch, truth = world(m, rng)
        if count_itself:
            chosen = ConformalSelection().calibrate(score, dice).select(batch)
        else:  # the twin: (bad at or above) / n, the case itself not counted
            p = np.array([((dice <= 0.8) & (score >= s)).sum() for s in batch]) / n
            passed = np.flatnonzero(np.sort(p) <= 0.1 * np.arange(1, m + 1) / m)
            chosen = p <= (np.sort(p)[passed[-1]] if passed.size else -1.0)
        shares.append((truth[chosen] <= 0.8).sum() / max(1, chosen.sum()))
    return float(np.mean(shares))


def test_the_false_discovery_rate_is_at_most_q_and_the_twin_is_caught() -> None:
    slack = 2 * 0.25 / np.sqrt(1500)
    assert false_discovery_rate(60, 10, 1500, count_itself=True) <= 0.1 + slack
    assert false_discovery_rate(60, 10, 1500, count_itself=False) > 0.1 + slack


def weighted_brute_force(
    cal: NDArray[np.float64],
    dice: NDArray[np.float64],
    cal_weights: NDArray[np.float64],
    batch: NDArray[np.float64],
    weights: NDArray[np.float64],
    q: float,
) -> list[bool]:
    """Weighted conformal selection as in the paper, deterministic pruning, ties counted against."""
    m, total = batch.size, cal_weights.sum()
    over = [cal_weights[(dice <= 0.8) & (cal >= s)].sum() for s in batch]
    sizes, chosen = [], []
    for j in range(m):
        p = [
            0.0
            if i == j
            else (over[i] + weights[j] * (batch[j] >= batch[i])) / (total + weights[j])
            for i in range(m)
        ]
        fitting = [k for k in range(1, m + 1) if sorted(p)[k - 1] <= q * k / m + 1e-12]
        sizes.append(max(fitting, default=0))
        own = (over[j] + weights[j]) / (total + weights[j])
        chosen.append(own <= q * sizes[j] / m + 1e-12)
    fits = [
        r
        for r in range(m + 1)
        if sum(c and size <= r for c, size in zip(chosen, sizes, strict=True)) >= r
    ]
    return [c and size <= max(fits) for c, size in zip(chosen, sizes, strict=True)]


@pytest.mark.parametrize("decimals", [1, 8])
def test_weighted_selection_equals_the_paper_s_loops(decimals: int) -> None:
    rng = np.random.default_rng(3)
    for n, m in ((30, 12), (100, 40), (60, 1)):
        for _ in range(5):
            score, dice = world(n, rng)
            score, batch = score.round(decimals), (0.3 + 0.7 * rng.random(m)).round(decimals)
            cal_weights, weights = rng.random(n) + 0.1, rng.random(m) + 0.1
            found = ConformalSelection(tolerated_error=0.2).calibrate(
                score, dice, weights=cal_weights, weights_are="known"
            )
            expected = weighted_brute_force(score, dice, cal_weights, batch, weights, 0.2)
            assert found.select(batch, weights).tolist() == expected


def test_known_weights_keep_the_rate_under_shift_and_forgetting_them_is_caught() -> None:
    rng, draws = np.random.default_rng(4), 800
    shares: dict[str, list[float]] = {"weighted": [], "forgotten": []}
    for _ in range(draws):
        hard, new_hard = rng.random(150) < 0.3, rng.random(30) < 0.8
        score, batch = rng.random(150), rng.random(30)
        dice, truth = (
            np.where(rng.random(h.size) < np.where(h, 0.5, 0.1) * (1 - s) * 1.5, 0.5, 0.9)
            for h, s in ((hard, score), (new_hard, batch))
        )
        weights, new = (np.where(h, 0.8 / 0.3, 0.2 / 0.7) for h in (hard, new_hard))
        found = ConformalSelection().calibrate(score, dice, weights=weights, weights_are="known")
        plain = ConformalSelection().calibrate(score, dice)
        picks = {"weighted": found.select(batch, new), "forgotten": plain.select(batch)}
        for name, chosen in picks.items():
            shares[name].append((truth[chosen] <= 0.8).sum() / max(1, chosen.sum()))
    slack = 2 * float(np.std(shares["weighted"])) / np.sqrt(draws)
    assert np.mean(shares["weighted"]) <= 0.1 + slack
    assert np.mean(shares["forgotten"]) > 0.1 + slack


@pytest.mark.parametrize("level", [1 / 3, 1 - 0.9, 0.30000000000000004])
def test_levels_of_many_digits_do_not_overflow(level):
    rng = np.random.default_rng(0)
    for _ in range(30):
        out_of = int(rng.integers(20, 400))
        ranks = np.minimum(rng.integers(1, out_of + 1, 200), rng.integers(1, out_of + 1, 200))
        order = np.sort(ranks)
        exact = Fraction(str(float(level)))
        passed = [
            r for i, r in enumerate(order.tolist(), 1) if Fraction(r, out_of) <= exact * i / 200
        ]
        expected = ranks <= (passed[-1] if passed else 0)
        np.testing.assert_array_equal(benjamini_hochberg(ranks, out_of, level), expected)


def test_only_the_first_case_of_a_patient_is_selected_and_the_batch_counts_patients():
    score = np.linspace(0, 1, 100)
    certificate = ConformalSelection().calibrate(score, 0.75 + 0.2 * score)
    batch, patients = np.array([0.9, 0.95, 0.99, 0.1]), ["a", "a", "b", "c"]
    expected = certificate.select(batch[[0, 2, 3]])
    assert certificate.select(batch, patients=patients).tolist() == [
        expected[0],
        False,
        expected[1],
        expected[2],
    ]


def test_empty_predictions_leave_a_certificate_that_is_json():
    score = np.array([-np.inf, 0.2, 0.9, 0.8])
    certificate = ConformalSelection().calibrate(score, [0.0, 0.5, 0.9, 0.9])
    assert SelectionCertificate.from_json(certificate.to_json()) == certificate
    assert certificate.calibration.patients == 4


def dependent_cases(draws: int, q: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Twenty scores per patient, each uniform, as hard on Benjamini-Hochberg as scores can be.

    With probability q / k, exactly k of them lie in the k-th twentieth of the best share q.
    """
    best = np.searchsorted(np.cumsum(q / np.arange(1, 21)), rng.random(draws)) + 1  # 21: none
    place = rng.random((draws, 20)).argsort(axis=1)
    u = rng.random((draws, 20))
    k = best[:, None]
    return 1.0 - np.where((place < k) & (k <= 20), q * (k - 1 + u) / 20, q + (1 - q) * u)


def test_twenty_cases_of_one_patient_break_the_rate_and_naming_the_patient_keeps_it() -> None:
    rng, draws = np.random.default_rng(5), 1500
    named = forgotten = 0
    # all patients are bad; one case of each calibrates, and one patient brings twenty
    for batch in dependent_cases(draws, 0.1, rng):
        found = ConformalSelection().calibrate(rng.random(999), np.full(999, 0.5))
        named += found.select(batch, patients=["p"] * 20).any()
        forgotten += found.select(batch).any()  # the twin
    slack = 2 * np.sqrt(0.1 * 0.9 / draws)
    assert named / draws <= 0.1 + slack
    assert forgotten / draws > 0.2


def test_a_batch_without_a_patient_s_name_is_refused() -> None:
    found = ConformalSelection().calibrate([0.5], [0.9])
    with pytest.raises(InputError, match=r"a patient for each case.*None in row 1"):
        found.select([0.1, 0.2], patients=["p", None])


def test_too_few_patients_are_told_with_the_number_needed() -> None:
    for n, told in ((8, True), (9, False)):
        found = ConformalSelection().calibrate(np.ones(n), np.full(n, 0.9))
        assert ("at least 9 calibration patients are needed" in found.promise) == told
        assert found.select([2.0]).any() != told


def test_the_weight_above_which_a_case_is_referred_is_told_and_true() -> None:
    found = ConformalSelection().calibrate(
        np.ones(18), np.full(18, 0.9), weights=np.ones(18), weights_are="known"
    )
    assert "A case of weight above 2 is always referred." in found.promise
    assert [found.select([1.0], [w]).item() for w in (2.0, 2.001)] == [True, False]
    nobody = ConformalSelection().calibrate([], [], weights=[], weights_are="known")
    assert "Nobody can be accepted without calibration patients" in nobody.promise


def test_plus_infinity_is_selected_and_a_bad_patient_there_counts_against_it() -> None:
    score, dice = np.r_[np.inf, np.zeros(98)], np.r_[0.5, np.full(98, 0.9)]
    for weights, are in ((None, None), (np.ones(99), "known")):
        found = ConformalSelection(tolerated_error=0.02).calibrate(
            score, dice, weights=weights, weights_are=are
        )
        own = None if weights is None else [1.0]
        assert found.select([np.inf], own).tolist() == [True]  # 2 / 100
        assert SelectionCertificate.from_json(found.to_json()) == found
        strict = ConformalSelection(tolerated_error=0.015).calibrate(
            score, dice, weights=weights, weights_are=are
        )
        assert not strict.select([np.inf], own).any()


def paper_s_selection(
    cal_v: NDArray[np.float64],
    cal_w: NDArray[np.float64],
    new_v: NDArray[np.float64],
    new_w: NDArray[np.float64],
    q: float,
) -> list[bool]:
    """Algorithm 1 of arXiv 2307.09291 in nonconformity V, with V of an unlabelled bad case."""
    m = new_v.size

    def p(j: int, over: int, mine: float) -> float:
        below = sum(w for v, w in zip(cal_v, cal_w, strict=True) if v <= new_v[over])
        return (below + mine) / (cal_w.sum() + new_w[j])

    sizes, first = [], []
    for j in range(m):
        auxiliary = [
            0.0 if k == j else p(j, k, new_w[j] if new_v[j] <= new_v[k] else 0.0) for k in range(m)
        ]
        counts = [r for r in range(1, m + 1) if sum(a <= q * r / m + 1e-12 for a in auxiliary) >= r]
        sizes.append(max(counts))
        first.append(p(j, j, new_w[j]) <= q * sizes[j] / m + 1e-12)
    pruned = max(
        r for r in range(m + 1) if sum(f and s <= r for f, s in zip(first, sizes, strict=True)) >= r
    )
    return [f and s <= pruned for f, s in zip(first, sizes, strict=True)]


def test_very_unequal_weights_select_as_the_paper_s_algorithm_on_nonconformity() -> None:
    rng, chosen, pruned = np.random.default_rng(6), 0, 0
    for _ in range(40):
        score, dice = world(50, rng)
        score, batch = score.round(1), (0.4 + 0.6 * rng.random(9)).round(1)
        cal_w, new_w = rng.lognormal(0, 1, 50), rng.lognormal(0, 1.5, 9)
        # a good case lies above every bad one
        cal_v = np.where(dice > 0.8, 1000.0, 0.0) - score
        expected = paper_s_selection(cal_v, cal_w, -batch, new_w, 0.3)
        found = ConformalSelection(tolerated_error=0.3).calibrate(
            score, dice, weights=cal_w, weights_are="known"
        )
        assert found.select(batch, new_w).tolist() == expected
        chosen, pruned = chosen + sum(expected), pruned + (not any(expected))
    assert chosen > 40
    assert pruned > 2
