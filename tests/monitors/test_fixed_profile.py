from datetime import UTC, datetime
from math import log, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.monitors import ExchangeabilityWatch, FixedProfileWatch
from segqc_conformal.monitors.fenwick import FenwickCounts
from segqc_conformal.monitors.fixed_profile_stream import FixedProfileStream, mean_margin
from segqc_conformal.monitors.quantise import quantile_edges

FALSE_ALARM = 0.10
SPREAD = quantile_edges(np.random.default_rng(99).normal(size=2000))


def started(seed: int, calibration: int, horizon: int = 1000) -> FixedProfileWatch:
    watch = FixedProfileWatch(horizon, FALSE_ALARM, seed)
    watch.start(np.random.default_rng([seed, 0]).normal(size=calibration), edges=SPREAD)
    return watch


def alarm_share(calibration: int, runs: int, horizon: int) -> float:
    """Return how many of the runs alarm within one quiet horizon."""
    alarms = 0
    for seed in range(runs):
        watch = started(seed, calibration, horizon)
        for number, value in enumerate(np.random.default_rng([seed, 1]).normal(size=horizon)):
            if watch.update(value, case_id=f"c{number}").alarm:
                alarms += 1
                break
    return alarms / runs


def slack(runs: int) -> float:
    return 2 * sqrt(FALSE_ALARM * (1 - FALSE_ALARM) / runs)


@pytest.mark.parametrize(("calibration", "runs"), [(100, 60), (500, 40), (2000, 30)])
def test_false_alarms_stay_within_the_bound(calibration: int, runs: int) -> None:
    assert alarm_share(calibration, runs, 2000) <= FALSE_ALARM + slack(runs)


def test_twin_without_the_margin_breaks_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FixedProfileStream, "_margin", lambda *_: 0.0)
    assert alarm_share(100, 60, 2000) > FALSE_ALARM + slack(60)


@pytest.mark.parametrize("law", ["continuous", "ties", "two values"])
@pytest.mark.parametrize("calibration", [10, 100])
def test_mean_p_value_of_a_bag_leaves_the_margin_as_rarely_as_proven(
    law: str, calibration: int
) -> None:
    rng, delta, bags = np.random.default_rng(5), 0.2, 4000
    levels = {"continuous": 10_000, "ties": 5, "two values": 2}[law]
    values = rng.integers(0, levels, size=(bags, calibration))
    # the mean p-value of a new value, by its definition, over all values it may have
    middle = (values + 0.5) / levels  # P(new < s) + P(new = s) / 2
    mean = (middle.sum(axis=1) + 0.5) / (calibration + 1)
    off = np.abs(mean - 0.5) > mean_margin(calibration, delta)
    assert off.mean() <= delta
    # twin: the margin for a variance proxy a quarter as large is left too often
    narrow = np.abs(mean - 0.5) > mean_margin(calibration, delta) / 2
    assert law == "two values" or narrow.mean() > delta


def test_mean_p_value_is_the_average_over_ranks_that_the_proof_uses() -> None:
    counts, weights = [3, 0, 5, 2], np.array([0.1, 0.4, 0.2, 0.3])
    bag = FenwickCounts(counts)
    uniforms = (np.arange(1000) + 0.5) / 1000
    mean = sum(
        weights[place] * np.mean([bag.p_value(place, u) for u in uniforms]) for place in range(4)
    )
    middle = np.cumsum(weights) - weights / 2
    assert mean == pytest.approx((np.dot(counts, middle) + 0.5) / 11, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.floats(-200.0, 200.0))
def test_a_uniform_variable_has_the_proxy_of_a_twelfth(x: float) -> None:
    half = x / 2
    ratio = 1.0 if abs(half) < 1e-8 else np.sinh(half) / half
    assert log(ratio) <= x * x / 24 + 1e-12


def test_the_margin_is_refused_a_bag_too_small_to_bet_on() -> None:
    watch = FixedProfileWatch(false_alarm=0.05)
    with pytest.raises(InputError, match=r"expected at least 3 calibration cases at all sites.*; "):
        watch.start([0.1, 0.2], edges=[0.15])
    # with as many as the message asks for, no bet can lose everything
    for sites in (1, 3):
        names = [f"s{number}" for number in range(sites)]
        for size in range(1, 8):
            watch = FixedProfileWatch(false_alarm=0.05)
            try:
                watch.start([0.1] * size * sites, edges=[0.15], sites=names * size)
            except InputError:
                assert mean_margin(size, 0.025 / sites) >= 0.5
            else:
                assert max(watch.margins["value"].values()) < 0.5


def test_bags_and_streams_share_the_calibration_part_of_the_bound() -> None:
    frame = pd.DataFrame({"x": np.arange(60.0), "y": np.arange(60.0), "z": np.arange(60.0)})
    watch = FixedProfileWatch(false_alarm=0.08, primary="x")
    watch.start(frame, edges={name: [30.0] for name in frame}, sites=["A"] * 40 + ["B"] * 20)
    # x has half of 0.08, y and z a quarter each; half of it for the calibration, over two sites
    assert watch.margins == {
        name: {"A": mean_margin(40, share / 4), "B": mean_margin(20, share / 4)}
        for name, share in {"x": 0.04, "y": 0.02, "z": 0.02}.items()
    }
    assert mean_margin(40, 0.01) == sqrt(log(200) / 240)


@pytest.mark.parametrize(
    ("calibration", "shift", "target"), [(500, 0.5, 250), (500, 1.0, 80), (2000, 0.5, 170)]
)
def test_median_delay_after_a_change(calibration: int, shift: float, target: int) -> None:
    delays, starts = [], []
    for seed in range(15):
        watch, rng = started(seed, calibration, 10_000), np.random.default_rng([seed, 2])
        values = np.concatenate([rng.normal(size=500), rng.normal(shift, size=1000)])
        for number, value in enumerate(values, start=1):
            state = watch.update(value, case_id=f"c{number}")
            if state.alarm:
                break
        delays.append((state.alarmed_at or 9999) - 500)
        starts.append(state.change_point or 0)
    assert 0 < np.median(delays) <= target
    assert abs(np.median(starts) - 501) <= 25


def test_a_shift_below_the_margin_and_a_change_of_spread_are_not_seen() -> None:
    # the bag is the law's own quantiles: what is missed is missed by the margin alone
    quantiles = np.quantile(np.random.default_rng(3).normal(size=100_000), np.linspace(0, 1, 502))
    for mean, spread in ((0.12, 1.0), (-0.12, 1.0), (0.0, 3.0)):
        watch, rng = FixedProfileWatch(horizon=20_000), np.random.default_rng(4)
        watch.start(quantiles[1:-1], edges=SPREAD)
        for number, value in enumerate(rng.normal(mean, spread, size=10_000)):
            state = watch.update(value, case_id=f"c{number}")
        assert not state.alarm
        assert state.log_evidence < log(0.5)


def test_evidence_reaches_the_alarm_exactly_at_log_one_over_false_alarm_and_goes_on() -> None:
    watch = started(0, 200)
    for number in range(200):
        state = watch.update(3.0, case_id=f"c{number}")
        assert state.alarm == (state.log_evidence >= -log(FALSE_ALARM))
    assert state.alarm
    assert (state.change_point, state.change_case_id) == (2, "c1")
    bags = watch.profile()
    before = state.log_evidence
    for number in range(200):
        state = watch.update(3.0, case_id=f"d{number}")
    assert state.log_evidence > before + 10
    # the alarm stays, the bag learns nothing
    assert (state.alarmed_at, watch.profile()) == (watch.state().alarmed_at, bags)
    for number in range(3000):
        state = watch.update(0.0, case_id=f"e{number}")
    assert state.alarm


def test_tie_breakers_are_those_of_the_growing_bag() -> None:
    # against the same bag the first p-value is the same, so the first bets are, less the margin
    fixed, growing = started(3, 200), ExchangeabilityWatch(1000, FALSE_ALARM, 3)
    growing.start(np.random.default_rng([3, 0]).normal(size=200), edges=SPREAD)
    fixed._streams[0].margins["all sites"] = 0.0
    fixed.update(0.4, case_id="c0")
    growing.update(0.4, case_id="c0")
    assert fixed._streams[0].state()["bets"] == growing._streams[0].state()["bets"]


def test_replay_through_json_is_bit_for_bit_the_same_and_of_fixed_size() -> None:
    rng = np.random.default_rng(6)
    frame = pd.DataFrame(rng.normal(size=(90, 2)), columns=["x", "y"])
    straight = FixedProfileWatch(primary="x")
    straight.start(frame, sites=["A", "B", "C"] * 30)
    broken = FixedProfileWatch.from_json(straight.to_json())
    size = len(straight.to_json())
    for number in range(90):
        values = {"x": -np.inf if number % 7 == 0 else rng.normal(), "y": rng.normal()}
        more = {"site": "ABC"[number % 3], "time": datetime(2026, 11, 1, number % 24, tzinfo=UTC)}
        if number % 24 == 0:
            more["time"] = None
            straight._last_time.clear()
            broken._last_time.clear()
        straight.update(values, case_id=f"c{number}", **more)
        broken.update(values, case_id=f"c{number}", **more)
        broken = FixedProfileWatch.from_json(broken.to_json())
    assert broken.to_json() == straight.to_json()
    assert broken.margins == straight.margins
    assert len(straight.to_json()) < size + 2000


def test_repeats_do_not_bet_and_a_bad_case_is_named() -> None:
    watch = started(1, 50)
    before = watch.to_json()
    watch.update(3.0, case_id="c0", repeat=True)
    with pytest.raises(InputError, match="case c1: expected a finite number"):
        watch.update(np.nan, case_id="c1")
    assert watch.to_json() == before


def test_a_frozen_column_is_named_here_too() -> None:
    watch = started(1, 200)
    for number in range(20):
        assert watch.frozen == ()
        watch.update(0.0, case_id=f"c{number}")
    assert FixedProfileWatch.from_json(watch.to_json()).frozen == ("value",)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": "exchangeability-watch/2"}', "null"])
def test_a_damaged_state_is_refused(text: str) -> None:
    with pytest.raises(FileFormatError, match="fixed-profile-watch/1"):
        FixedProfileWatch.from_json(text)


def test_a_state_whose_bag_was_emptied_is_refused() -> None:
    text = started(1, 50).to_json()
    counts = FixedProfileWatch.from_json(text).profile()["streams"]["value"]["bags"]["all sites"]
    whole = ",".join(map(str, counts))
    assert sum(counts) == 50
    with pytest.raises(FileFormatError, match="fixed-profile-watch/1"):
        FixedProfileWatch.from_json(text.replace(whole, ",".join("0" * len(counts))))
