import json

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from segqc_conformal.calibrators import AcceptCertificate, AcceptThreshold, accept_grid
from segqc_conformal.calibrators.fixed_sequence import holm, sequence_levels
from segqc_conformal.errors import InputError


def informative(n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    predicted = rng.beta(6, 1.6, n)
    scale = 0.02 + 0.25 * (1 - predicted)
    dice = np.clip(predicted + rng.normal(0, scale), 0, 1)
    return 1 / (1 + np.exp(-(predicted - 0.78) * 18 + rng.normal(0, 0.6, n))), dice


def flat(n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    return rng.random(n), np.where(rng.random(n) < 0.1, 0.5, 0.9)


def test_steps_equal_the_binomial_test_written_out() -> None:
    rng = np.random.default_rng(0)
    score, dice = informative(300, rng)
    grid = np.quantile(score, [0.85, 0.7, 0.6, 0.5, 0.3, 0.1])
    certificate = AcceptThreshold(tolerated_error=0.1, confidence=0.9).calibrate(score, dice, grid)
    threshold = None
    for t, step in zip(grid, certificate.tests, strict=False):
        accepted = [d for s, d in zip(score, dice, strict=True) if s >= t]
        bad = sum(d <= 0.8 for d in accepted)
        p = sum(binom.pmf(k, len(accepted), 0.1) for k in range(bad + 1))
        assert (step.accepted, step.bad) == (len(accepted), bad)
        assert step.p_value == pytest.approx(p, rel=1e-9)
        if p > 0.1:
            break
        threshold = t
    assert certificate.threshold == threshold


@pytest.mark.parametrize(("accepted", "bad"), [(22, 0), (38, 1), (52, 2)])
def test_fewest_accepted_patients_that_certify_at_ten_percent(accepted: int, bad: int) -> None:
    for n, expected in ((accepted, 0.0), (accepted - 1, None)):
        dice = np.r_[np.full(bad, 0.5), np.full(n - bad, 0.9)]
        assert AcceptThreshold().calibrate(np.ones(n), dice, [0.0]).threshold == expected


@pytest.mark.parametrize(("accepted", "bad"), [(45, 0), (77, 1)])
def test_fewest_accepted_patients_that_certify_at_five_percent(accepted: int, bad: int) -> None:
    for n, expected in ((accepted, 0.0), (accepted - 1, None)):
        dice = np.r_[np.full(bad, 0.5), np.full(n - bad, 0.9)]
        settings = AcceptThreshold(tolerated_error=0.05)
        assert settings.calibrate(np.ones(n), dice, [0.0]).threshold == expected


def test_nothing_certified_accepts_nobody_and_says_how_many_patients_it_takes() -> None:
    certificate = AcceptThreshold().calibrate(np.linspace(0, 1, 15), np.full(15, 0.9), [0.0])
    assert certificate.threshold is None
    assert not certificate.accept([5.0]).any()
    assert certificate.patients_needed is not None
    assert certificate.patients_needed > 15
    assert f"about {certificate.patients_needed} fresh" in certificate.promise


def test_a_hopeless_signal_says_that_patients_do_not_help() -> None:
    certificate = AcceptThreshold().calibrate(np.linspace(0, 1, 99), np.full(99, 0.5), [0.9, 0.1])
    assert certificate.patients_needed is None
    assert "more patients alone" in certificate.promise


def test_an_empty_prediction_is_never_accepted() -> None:
    certificate = AcceptThreshold().calibrate(np.ones(60), np.full(60, 0.9), [0.5])
    assert certificate.accept([-np.inf, 1.0]).tolist() == [False, True]


def test_a_patient_counts_once() -> None:
    dice = np.full(60, 0.9)
    certificate = AcceptThreshold().calibrate(
        np.ones(60), dice, [0.5], patients=np.arange(20).repeat(3)
    )
    assert certificate.patients == 20
    assert certificate.threshold is None


def test_json_round_trip_is_exact() -> None:
    score, dice = informative(200, np.random.default_rng(1))
    certificate = AcceptThreshold().calibrate(score, dice, np.quantile(score, [0.8, 0.6]))
    assert AcceptCertificate.from_json(certificate.to_json()) == certificate


@pytest.mark.parametrize("settings", [{"tolerated_error": 0.0}, {"confidence": 1.0}])
def test_impossible_settings_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(InputError):
        AcceptThreshold(**settings)


def test_nan_scores_and_grids_are_refused() -> None:
    with pytest.raises(InputError, match="accept score"):
        AcceptThreshold().calibrate([np.nan], [0.9], [0.5])
    with pytest.raises(InputError, match="grid"):
        AcceptThreshold().calibrate([0.5], [0.9], [np.nan])


def violations(n: int, draws: int, confidence: float) -> float:
    """Share of calibration draws of the flat world (risk exactly alpha) that certify."""
    rng = np.random.default_rng(2)
    settings = AcceptThreshold(tolerated_error=0.1, confidence=confidence)
    certified = 0
    for _ in range(draws):
        tuning, _ = flat(n, rng)
        # a late start: with hundreds accepted the test is nearly exact, so a twin stands out
        grid = accept_grid(tuning, n, 0.1, 0.95, start_factor=10.0)
        certified += settings.calibrate(*flat(n, rng), grid).threshold is not None
    return certified / draws


def test_flat_world_at_the_boundary_violates_at_most_delta_and_twins_are_caught() -> None:
    # 2 standard errors at 1,000 draws: .014; test_fixed_sequence has more draws and more twins
    assert violations(500, 1000, confidence=0.95) <= 0.05 + 0.014
    assert violations(500, 1000, confidence=0.90) > 0.05 + 0.014  # twin: p <= 2 delta


@pytest.mark.parametrize(("n", "target"), [(200, 0.265), (500, 0.40)])
@pytest.mark.parametrize("labels", [False, True])
def test_informative_world_accepts_as_much_as_the_target(
    n: int, target: float, labels: bool
) -> None:
    rng = np.random.default_rng(4)
    settings, draws = AcceptThreshold(tolerated_error=0.1, confidence=0.95), 80 if labels else 300
    shares, bad_truth = [], []
    new_score, new_dice = informative(50_000, rng)
    for _ in range(draws):
        tuning, tuning_dice = informative(n, rng)
        tuning_bad = tuning_dice <= 0.8 if labels else None
        grid = accept_grid(tuning, n, 0.1, 0.95, tuning_bad=tuning_bad)
        accepted = settings.calibrate(*informative(n, rng), grid).accept(new_score)
        shares.append(accepted.mean())
        bad_truth.append((new_dice[accepted] <= 0.8).mean() > 0.1 if accepted.any() else False)
    assert np.mean(shares) >= target - 2 * np.std(shares) / np.sqrt(draws)
    assert np.mean(bad_truth) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / draws)


def test_the_first_of_many_looks_needs_29_accepted_patients_and_records_what_it_spent() -> None:
    settings = AcceptThreshold(looks="many")
    for n, expected in ((29, 0.0), (28, None)):
        found = settings.calibrate(np.ones(n), np.full(n, 0.9), [0.0])
        assert found.threshold == expected
        assert found.delta == 0.05
    second = AcceptThreshold(looks="many", look=2).calibrate(np.ones(99), np.full(99, 0.9), [0.0])
    assert second.delta == pytest.approx(0.1 / 6)
    assert "Look 2 spends 1.6667% of the 10%" in second.promise
    assert "6.6667% is spent so far" in second.promise


def test_a_second_look_that_was_not_declared_is_refused() -> None:
    with pytest.raises(InputError, match="fresh patients alone"):
        AcceptThreshold(look=2)


def test_after_the_first_of_many_looks_the_outlook_is_that_of_the_second() -> None:
    score, dice = np.ones(20), np.full(20, 0.9)
    one = AcceptThreshold().calibrate(score, dice, [0.0])
    many = AcceptThreshold(looks="many").calibrate(score, dice, [0.0])
    assert one.patients_needed is not None
    assert many.patients_needed is not None
    assert many.patients_needed > one.patients_needed
    assert "calibration patients in all at look 2" in many.promise


@pytest.mark.parametrize("procedure", ["fixed sequence", "holm"])
def test_starts_and_holm_accept_down_to_the_loosest_threshold_that_passes(procedure: str) -> None:
    score, dice = informative(400, np.random.default_rng(7))
    grid = np.quantile(score, np.linspace(0.9, 0.05, 20))
    starts = 3 if procedure == "fixed sequence" else 1
    found = AcceptThreshold(procedure=procedure, starts=starts).calibrate(score, dice, grid)
    p = np.array(
        [binom.cdf((dice[score >= t] <= 0.8).sum(), (score >= t).sum(), 0.1) for t in grid]
    )
    passed = holm(p, 0.1) if starts == 1 else p <= sequence_levels(p, 0.1, 3)
    assert found.threshold == grid[passed].min()
    steps = sorted((*found.tests, *found.not_reached), key=lambda step: -step.threshold)
    assert [step.p_value for step in steps] == pytest.approx(p)


def test_holm_survives_thresholds_that_accept_nobody() -> None:
    settings = AcceptThreshold(procedure="holm")
    found = settings.calibrate(np.linspace(0, 1, 99), np.full(99, 0.9), [3.0, 2.0, 0.0])
    assert found.threshold == 0.0
    assert [step.p_value for step in found.tests[:2]] == [1.0, 1.0]


def test_an_old_certificate_without_the_later_fields_still_loads() -> None:
    found = AcceptThreshold().calibrate(np.ones(30), np.full(30, 0.9), [0.0])
    fields = json.loads(found.to_json())
    later = ("looks", "look", "delta", "test", "cases", "group", "family_size", "weighted")
    old = AcceptCertificate.from_dict({k: v for k, v in fields.items() if k not in later})
    assert (old.threshold, old.promise, old.patients_needed) == (0.0, found.promise, 0)


def clustered(patients: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    """Ten cases per patient that share their fate; a tenth of the patients is bad throughout."""
    bad = np.repeat(rng.random(patients) < 0.1, 10)
    return np.where(bad, 0.5, 0.9), np.repeat(np.arange(patients), 10)


@pytest.mark.parametrize(
    "settings",
    [
        {"cases": "first"},
        {"cases": "any"},
        {"cases": "any", "test": "betting"},
        {"cases": "mean", "test": "betting"},
    ],
)
def test_patients_are_the_unit_and_pooling_their_cases_is_caught(settings: dict[str, str]) -> None:
    rng, draws = np.random.default_rng(8), 400
    accept = AcceptThreshold(**settings)
    honest = pooled = 0
    for _ in range(draws):
        dice, patients = clustered(60, rng)
        score = np.ones(dice.size)
        honest += accept.calibrate(score, dice, [0.0], patients=patients).threshold is not None
        pooled += AcceptThreshold().calibrate(score, dice, [0.0]).threshold is not None
    assert honest / draws <= 0.1 + 2 * 0.015
    assert pooled / draws > 0.25  # the twin: cases counted as patients


def test_known_weights_keep_the_promise_in_the_shifted_population() -> None:
    """New patients hold 80 % of a hard kind, calibration 50 %; the new error is exactly .1."""
    rng, draws = np.random.default_rng(9), 400
    weighted = AcceptThreshold(test="betting", largest_weight=3.2)
    honest = unweighted = 0
    for _ in range(draws):
        hard = rng.random(400) < 0.5
        dice = np.where(rng.random(400) < np.where(hard, 0.12, 0.02), 0.5, 0.9)
        weights = np.where(hard, 3.2, 0.8)  # up to a factor: 2 x .8 / .5 and 2 x .2 / .5
        found = weighted.calibrate(np.ones(400), dice, [0.0], weights=weights, weights_are="known")
        honest += found.threshold is not None
        unweighted += AcceptThreshold().calibrate(np.ones(400), dice, [0.0]).threshold is not None
    assert honest / draws <= 0.1 + 2 * 0.015
    assert unweighted / draws > 0.4  # the twin: the shift forgotten


def test_known_weights_certify_where_the_new_population_is_good() -> None:
    rng = np.random.default_rng(10)
    hard = rng.random(600) < 0.5
    dice = np.where(rng.random(600) < np.where(hard, 0.3, 0.01), 0.5, 0.9)
    weights = np.where(hard, 0.1, 1.9)
    settings = AcceptThreshold(test="betting", largest_weight=1.9)
    found = settings.calibrate(np.ones(600), dice, [0.0], weights=weights, weights_are="known")
    assert found.threshold == 0.0
    assert "the population that the weights describe" in found.promise
    assert AcceptThreshold().calibrate(np.ones(600), dice, [0.0]).threshold is None


def test_combinations_without_a_theorem_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="no binomial test"):
        AcceptThreshold(cases="mean")
    with pytest.raises(InputError, match="Holm tests every threshold"):
        AcceptThreshold(procedure="holm", starts=2)
    with pytest.raises(InputError, match="hoeffding-bentkus"):
        AcceptThreshold(test="hoeffding-bentkus")
    arrays = ([0.5], [0.9], [0.1])
    with pytest.raises(InputError, match="weights with weights_are"):
        AcceptThreshold().calibrate(*arrays, weights_are="known")
    for settings, weights_are, said in (
        (AcceptThreshold(test="betting", largest_weight=2.0), "estimated", "carry no confidence"),
        (AcceptThreshold(largest_weight=2.0), "known", "no binomial count"),
        (AcceptThreshold(test="betting", cases="any"), "known", "weights of cases are none"),
        (AcceptThreshold(test="betting"), "known", "a bound of all weights"),
        (AcceptThreshold(test="betting", largest_weight=0.5), "known", "a bound of all weights"),
    ):
        with pytest.raises(InputError, match=said):
            settings.calibrate(*arrays, weights=[1.0], weights_are=weights_are)
    with pytest.raises(InputError, match="one grid where there are no groups"):
        AcceptThreshold().calibrate([0.5], [0.9], {"A": [0.1]})  # type: ignore[call-overload]


def test_nan_zero_and_infinite_weights_and_infinite_thresholds_are_refused() -> None:
    settings = AcceptThreshold(test="betting", largest_weight=2.0)
    for weight in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(InputError, match="weights"):
            settings.calibrate([0.5], [0.9], [0.1], weights=[weight], weights_are="known")
    for threshold in (-np.inf, np.inf):
        with pytest.raises(InputError, match="finite values in grid"):
            AcceptThreshold().calibrate([0.5], [0.9], [threshold])


def test_a_missing_patient_is_refused_by_name() -> None:
    for missing in (None, float("nan"), np.datetime64("NaT")):
        with pytest.raises(InputError, match=r"a patient for each case.* in row 1"):
            AcceptThreshold().calibrate([0.5, 0.5], [0.9, 0.9], [0.1], patients=["p", missing])


def test_a_number_and_its_text_are_one_patient() -> None:
    found = AcceptThreshold().calibrate([1, 1, 1], [0.9] * 3, [0.1], patients=[1, "1", "2"])
    assert found.patients == 2


def test_a_threshold_behind_a_failure_is_not_certified_where_its_p_value_underflows() -> None:
    score, dice = np.r_[np.full(10, 1.0), np.zeros(20_000)], np.r_[np.full(10, 0.5)]
    found = AcceptThreshold().calibrate(score, np.r_[dice, np.full(20_000, 0.9)], [0.5, 0.0])
    assert found.not_reached[0].p_value == 0.0
    assert found.threshold is None


def test_a_score_of_plus_infinity_is_accepted_and_one_of_minus_infinity_is_not() -> None:
    score = np.r_[np.inf, -np.inf, np.ones(60)]
    found = AcceptThreshold().calibrate(score, np.full(62, 0.9), [0.5])
    assert found.tests[0].accepted == 61
    assert found.accept([np.inf, -np.inf]).tolist() == [True, False]
    assert AcceptCertificate.from_json(found.to_json()) == found


def test_the_number_of_patients_needed_counts_on_no_other_start_and_no_other_threshold() -> None:
    score, dice = np.linspace(0, 1, 40), np.full(40, 0.9)
    grid = [0.9, 0.8]
    needed = {}
    for name, settings in (
        ("one", AcceptThreshold()),
        ("starts", AcceptThreshold(starts=2)),
        ("holm", AcceptThreshold(procedure="holm")),
    ):
        found = settings.calibrate(score, dice, grid)
        assert AcceptCertificate.from_json(found.to_json()) == found
        needed[name] = found.patients_needed
    assert needed["one"] is not None
    assert needed["starts"] == needed["holm"]
    assert needed["starts"] is not None
    assert needed["starts"] > needed["one"]


def slices(rng: np.random.Generator, share: float) -> tuple[NDArray[np.float64], ...]:
    """Ten slices of 100 patients; a share of the patients has exactly one bad slice."""
    dice = np.full((100, 10), 0.9)
    dice[rng.random(100) < share, 3] = 0.5
    return rng.random(1000), dice.ravel(), np.arange(100).repeat(10)


def test_any_accepted_case_counts_patients_one_by_one_also_of_unequal_numbers() -> None:
    rng = np.random.default_rng(0)
    patients = rng.permutation(np.repeat(np.arange(60), rng.integers(1, 9, 60)))
    score, dice = rng.random(patients.size), rng.random(patients.size)
    grid = [0.95, 0.9, 0.5]
    settings = AcceptThreshold(0.3, 0.5, cases="any")
    found = settings.calibrate(score, dice, grid, patients=patients)
    for step, t in zip((*found.tests, *found.not_reached), grid, strict=True):
        kept = [patients[(score >= t)], patients[(score >= t) & (dice <= 0.3)]]
        assert (step.accepted, step.bad) == tuple(len(set(some.tolist())) for some in kept)
        assert step.p_value == pytest.approx(binom.cdf(step.bad, step.accepted, 0.5))
    assert found.patients == 60


@pytest.mark.parametrize(("test", "fewest"), [("binomial", 0.02), ("betting", 0.0)])
def test_patients_with_a_bad_slice_certify_at_most_delta_and_pooled_slices_are_caught(
    test: str, fewest: float
) -> None:
    rng, draws = np.random.default_rng(1), 400
    settings, ours, twin = AcceptThreshold(cases="any", test=test), 0, 0
    for _ in range(draws):
        # all slices are accepted, so the error of patients is 10 %, that of slices 1 %
        score, dice, patients = slices(rng, 0.1)
        found = settings.calibrate(score, dice, [0.0], patients=patients)
        ours += found.threshold is not None
        twin += AcceptThreshold().calibrate(score, dice, [0.0]).threshold is not None
    assert fewest <= ours / draws <= 0.1 + 2 * np.sqrt(0.09 / draws)
    assert twin / draws > 0.9


def test_any_takes_looks_and_says_what_it_counts() -> None:
    score, dice, patients = slices(np.random.default_rng(3), 0.0)
    found = AcceptThreshold(cases="any", looks="many").calibrate(
        score, dice, [0.5], patients=patients
    )
    assert "at most 10% of patients with any accepted case have one with Dice" in found.promise
    assert "Look 1 spends 5%" in found.promise
    assert AcceptCertificate.from_json(found.to_json()) == found
