from math import sqrt

import numpy as np
import pytest

from segqc_conformal.calibrators import DiceInterval
from segqc_conformal.calibrators.conformal_rank import interval_rank
from segqc_conformal.calibrators.interval_certificate import IntervalCertificate
from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.monitors import (
    AcceptedErrorWatch,
    CoverageBound,
    CoverageWatch,
    coverage_bound,
)
from segqc_conformal.monitors.label_budget import alarm_times
from segqc_conformal.monitors.loss_bets import error_stakes

ALPHA, D, RUNS, HORIZON = 0.10, 0.05, 1000, 1000
SLACK = 2 * sqrt(2 * D * (1 - 2 * D) / RUNS)


def certificate(patients: int, confidence: float | None = None) -> IntervalCertificate:
    rng = np.random.default_rng(patients)
    interval = DiceInterval(miscoverage=ALPHA, confidence=confidence)
    return interval.calibrate(rng.random(patients), rng.random(patients))


def undrifted_alarms(patients: int, confidence: float | None, bound: float) -> float:
    """Return how often new patients like the calibration patients raise an alarm."""
    rng = np.random.default_rng(1)
    rank = interval_rank(patients, ALPHA, confidence) or 0
    misses = 1 - np.sort(rng.random((patients, RUNS)), axis=0)[rank - 1]
    missed = rng.random((HORIZON, RUNS)) < misses
    times, _ = alarm_times(missed, bound, error_stakes(bound), HORIZON / D)
    return float(np.mean(times > 0))


@pytest.mark.parametrize("patients", [50, 200])
def test_a_marginal_interval_is_tested_with_a_margin(patients: int) -> None:
    found = coverage_bound(certificate(patients))
    assert found.d_certificate == D
    assert found.margin > 0.03
    assert undrifted_alarms(patients, None, found.bound) <= 2 * D + SLACK
    # twin: without the margin, calibrations that were unlucky are taken for drift
    assert undrifted_alarms(patients, None, ALPHA) > 2 * D + SLACK


def test_a_pac_interval_needs_no_margin() -> None:
    found = coverage_bound(certificate(50, confidence=0.95))
    assert found == CoverageBound(ALPHA, 0.0, 0.05)
    assert undrifted_alarms(50, 0.95, found.bound) <= 2 * D + SLACK


def test_the_bound_is_exceeded_by_one_calibration_in_twenty() -> None:
    rng, patients = np.random.default_rng(2), 80
    misses = (
        1 - np.sort(rng.random((patients, 4000)), axis=0)[interval_rank(patients, ALPHA, None) - 1]
    )
    share = np.mean(misses > coverage_bound(certificate(patients)).bound)
    assert abs(share - D) < 3 * sqrt(D * (1 - D) / 4000)


def test_misses_raise_harm_and_the_promise_names_both_shares() -> None:
    watch = CoverageWatch(certificate(200), false_alarm=0.02)
    for number in range(200):
        state = watch.update(number % 2 == 0, f"c{number}", "all/A")
    assert (state.state, state.strata["all/A"].risk) == ("HARM", 0.5)
    assert watch.promise.startswith(
        "P(alarm without drift) <= 0.02 (certificate) + 0.02 (monitor); tested: miscoverage > 0.14"
    )


def test_pooling_strata_audited_at_different_rates_alarms_without_drift() -> None:
    # accepted and referred cases together miss as promised; referred ones are audited more often
    rng, runs = np.random.default_rng(3), 100
    missed = rng.random((HORIZON, runs))
    referred = rng.random((HORIZON, runs)) < 0.4 / (0.4 + 0.6 * 0.05)
    pooled = missed < np.where(referred, 0.16, 0.06)
    times, _ = alarm_times(pooled, ALPHA, error_stakes(ALPHA), HORIZON / D)
    assert np.mean(times > 0) > 0.9
    # so an audit names its stratum: one that holds both, audited at one rate
    alike = missed < np.where(rng.random((HORIZON, runs)) < 0.4, 0.16, 0.06)
    times, _ = alarm_times(alike, ALPHA, error_stakes(ALPHA), HORIZON / D)
    assert np.mean(times > 0) <= D + 2 * sqrt(D * (1 - D) / runs)
    with pytest.raises(TypeError, match="stratum"):
        CoverageWatch(certificate(200)).update(True, "c1")  # type: ignore[call-arg]


def test_a_group_is_tested_on_its_own_patients() -> None:
    rng = np.random.default_rng(4)
    groups = ["A"] * 60 + ["B"] * 30 + ["C"] * 5
    found = DiceInterval(miscoverage=ALPHA).calibrate(rng.random(95), rng.random(95), groups=groups)
    assert coverage_bound(found, group="A") == coverage_bound(certificate(60))
    assert coverage_bound(found, group="B") == coverage_bound(certificate(30))
    for group in ("C", "unseen"):
        with pytest.raises(InputError, match="a finite interval from its own patients"):
            coverage_bound(found, group=group)
    with pytest.raises(InputError, match="the group of a certificate by groups"):
        CoverageWatch(found)
    with pytest.raises(InputError, match="the group of a certificate by groups"):
        coverage_bound(certificate(60), group="A")
    assert (
        CoverageWatch(coverage_bound(found, group="B")).bound > CoverageWatch(certificate(60)).bound
    )


def test_certificates_without_a_law_of_their_coverage_are_refused() -> None:
    rng = np.random.default_rng(5)
    interval = DiceInterval(miscoverage=ALPHA)
    weighted = interval.calibrate(
        rng.random(60), rng.random(60), weights=rng.random(60) + 0.5, weights_are="known"
    )
    with pytest.raises(InputError, match="a certificate without weights"):
        CoverageWatch(weighted)
    with pytest.raises(InputError, match="a finite interval"):
        CoverageWatch(certificate(8))
    with pytest.raises(InputError, match="an IntervalCertificate; received AcceptedErrorWatch"):
        CoverageWatch(AcceptedErrorWatch())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="d_certificate"):
        coverage_bound(certificate(60), d_certificate=0.0)


def test_a_missing_label_is_refused() -> None:
    with pytest.raises(InputError, match="case c1: expected covered as True or False"):
        CoverageWatch(certificate(60)).update(float("nan"), "c1", "all/A")  # type: ignore[arg-type]


def test_continues_bit_for_bit_after_a_round_trip() -> None:
    kept = read = CoverageWatch(certificate(60), strata=["all/A"])
    for number, covered in enumerate((np.random.default_rng(6).random(60) < 0.85).tolist()):
        read = CoverageWatch.from_json(read.to_json())
        for watch in (kept, read):
            watch.update(covered, f"c{number}", "all/A")
    assert read is not kept
    assert read.to_json() == kept.to_json()
    assert read.state() == kept.state()
    with pytest.raises(FileFormatError, match="accepted-error-watch/1"):
        AcceptedErrorWatch.from_json(read.to_json())
