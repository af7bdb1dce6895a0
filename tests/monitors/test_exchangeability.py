import json
from datetime import UTC, datetime, timedelta
from math import inf, nan, sqrt

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.monitors import ExchangeabilityWatch
from segqc_conformal.monitors.fenwick import FenwickCounts

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
RUNS, HORIZON, FALSE_ALARM = 150, 1000, 0.10


def started(seed: int, calibration: int, horizon: int = HORIZON) -> ExchangeabilityWatch:
    rng = np.random.default_rng([seed, 0])
    watch = ExchangeabilityWatch(horizon, FALSE_ALARM, seed)
    watch.start(rng.normal(size=calibration), edges=rng.normal(size=calibration))
    return watch


def alarms(watches: list[ExchangeabilityWatch]) -> int:
    """Feed each watch one horizon of quiet cases; count those that alarm."""
    for seed, watch in enumerate(watches):
        for number, value in enumerate(np.random.default_rng([seed, 1]).normal(size=HORIZON)):
            if watch.update(value, case_id=f"c{number}").alarm:
                break
    return sum(watch.state().alarm for watch in watches)


def test_false_alarms_stay_within_the_bound() -> None:
    slack = 2 * sqrt(FALSE_ALARM * (1 - FALSE_ALARM) / RUNS)
    share = alarms([started(seed, calibration=50) for seed in range(RUNS)]) / RUNS
    assert share <= FALSE_ALARM + slack


def test_twin_with_a_fixed_bag_breaks_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    watches = [started(seed, calibration=50) for seed in range(RUNS)]
    monkeypatch.setattr(FenwickCounts, "add", lambda self, bin_index: None)
    slack = 2 * sqrt(FALSE_ALARM * (1 - FALSE_ALARM) / RUNS)
    assert alarms(watches) / RUNS > FALSE_ALARM + slack


def test_twin_with_a_threshold_that_forgets_the_horizon_breaks_the_bound() -> None:
    runs = 60
    watches = [started(seed, calibration=50, horizon=1) for seed in range(runs)]
    slack = 2 * sqrt(FALSE_ALARM * (1 - FALSE_ALARM) / runs)
    assert alarms(watches) / runs > FALSE_ALARM + slack


@pytest.mark.parametrize(("shift", "target"), [(0.5, 115), (1.0, 52)])
def test_median_delay_after_a_change(shift: float, target: int) -> None:
    delays, starts = [], []
    for seed in range(31):
        rng = np.random.default_rng([seed, 2])
        watch = ExchangeabilityWatch(10_000, 0.05, seed)
        watch.start(rng.normal(size=500), edges=rng.normal(size=500))
        values = np.concatenate([rng.normal(size=1000), rng.normal(shift, size=1000)])
        for number, value in enumerate(values, start=1):
            state = watch.update(value, case_id=f"c{number}")
            if state.alarm:
                break
        delays.append((state.alarmed_at or 0) - 1000)
        starts.append(state.change_point or 0)
    assert 0 < np.median(delays) <= target
    assert abs(np.median(starts) - 1001) <= 15


def test_a_change_of_site_mix_alone_is_not_seen_but_by_a_watch_without_sites() -> None:
    rng = np.random.default_rng(4)
    mean = {"A": 0.0, "B": 3.0}
    sites = rng.choice(["A", "B"], p=[0.9, 0.1], size=400)
    values = rng.normal([mean[site] for site in sites])
    later = rng.choice(["A", "B"], p=[0.2, 0.8], size=1000)
    stream = rng.normal([mean[site] for site in later])
    by_site, pooled = ExchangeabilityWatch(), ExchangeabilityWatch()
    by_site.start(values, sites=list(sites))
    pooled.start(values)
    for number, (value, site) in enumerate(zip(stream, later, strict=True)):
        by_site.update(value, case_id=f"c{number}", site=site)
        pooled.update(value, case_id=f"c{number}", site=site)
    assert not by_site.state().alarm
    assert pooled.state().alarm


def test_several_streams_share_the_bound_and_locate_themselves() -> None:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.normal(size=(400, 4)), columns=["accept_score", "a", "b", "c"])
    watch = ExchangeabilityWatch(false_alarm=0.05, primary="accept_score")
    watch.start(frame)
    bounds = {each["name"]: each["false_alarm"] for each in json.loads(watch.to_json())["streams"]}
    assert bounds == {"accept_score": 0.025, "a": 0.05 / 6, "b": 0.05 / 6, "c": 0.05 / 6}
    for number in range(400):
        values = dict(zip(frame.columns, rng.normal([1.5, 0, 1.0, 0]), strict=True))
        state = watch.update(values, case_id=f"c{number}")
    assert state.located == ("accept_score", "b")
    assert state.alarmed_at is not None
    assert state.alarmed_at < 60
    assert state.cases == 400
    assert max(watch.evidence(), key=lambda name: watch.evidence()[name]) in state.located


def test_evidence_reaches_the_alarm_exactly_at_log_one_over_false_alarm() -> None:
    watch = started(0, 100)
    for number in range(200):
        state = watch.update(3.0, case_id=f"c{number}")
        assert state.alarm == (state.log_evidence >= -np.log(FALSE_ALARM))
    assert state.alarm
    assert (state.change_point, state.change_case_id) == (2, "c1")


def test_replay_through_json_is_bit_for_bit_the_same_and_of_fixed_size() -> None:
    rng = np.random.default_rng(6)
    frame = pd.DataFrame(rng.normal(size=(60, 2)), columns=["x", "y"])
    frame.loc[0, "x"] = -inf
    straight = ExchangeabilityWatch(primary="x")
    straight.start(frame, sites=["A", "B", "C"] * 20)
    broken = ExchangeabilityWatch.from_json(straight.to_json())
    size = len(straight.to_json())
    for number in range(90):
        values = {"x": -inf if number % 7 == 0 else rng.normal(), "y": rng.normal()}
        site, time = "ABC"[number % 3], NOW + timedelta(hours=number)
        straight.update(values, case_id=f"c{number}", site=site, time=time)
        broken.update(values, case_id=f"c{number}", site=site, time=time)
        broken = ExchangeabilityWatch.from_json(broken.to_json())
    assert broken.to_json() == straight.to_json()
    assert len(straight.to_json()) < size + 2000


def test_the_order_of_tie_breakers_depends_on_case_ids_not_on_calls() -> None:
    one, two = started(1, 50), started(1, 50)
    for number in range(100):
        one.update(0.1 * (number % 5), case_id=f"c{number}")
        two.update(0.3, case_id=f"r{number}", repeat=True)
        two.update(0.1 * (number % 5), case_id=f"c{number}")
    assert one.to_json() == two.to_json()
    assert two.state().cases == 100


def test_a_constant_stream_that_moves_is_seen_and_one_that_stays_is_not() -> None:
    for value, seen in ((0.5, False), (0.51, True), (0.49, True)):
        watch = ExchangeabilityWatch()
        watch.start([0.5] * 100)
        for number in range(100):
            state = watch.update(value, case_id=f"c{number}")
        assert state.alarm is seen


def test_a_case_that_cannot_be_used_is_named_and_changes_nothing() -> None:
    watch = ExchangeabilityWatch(primary="x")
    watch.start(pd.DataFrame({"x": [0.1] * 10, "y": [0.2] * 10}), sites=["A", "B"] * 5)
    good = {"x": 0.1, "y": 0.2}
    watch.update(good, case_id="c0", site="A", time=NOW)
    before = watch.to_json()
    for bad in (
        {"x": nan, "y": 0.2},
        {"x": inf, "y": 0.2},
        {"x": 0.1},
        {**good, "z": 1.0},
        0.1,
        {"x": None, "y": 0.2},
    ):
        with pytest.raises(InputError, match="case c1: expected a finite number"):
            watch.update(bad, case_id="c1", site="A")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"case c1: expected a site among \['A', 'B'\]"):
        watch.update(good, case_id="c1", site="C")
    with pytest.raises(InputError, match="case c1: expected a site"):
        watch.update(good, case_id="c1")
    with pytest.raises(InputError, match="case c1: expected a time not before"):
        watch.update(good, case_id="c1", site="A", time=NOW - timedelta(seconds=1))
    with pytest.raises(InputError, match="case c1: expected a datetime"):
        watch.update(good, case_id="c1", site="A", time=pd.NaT)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="case id that is a string"):
        watch.update(good, case_id=12, site="A")  # type: ignore[arg-type]
    assert watch.to_json() == before
    watch.update(good, case_id="c1", site="B", time=NOW - timedelta(days=1))


@pytest.mark.parametrize(
    ("values", "more", "said"),
    [
        ([0.1, nan], {}, "finite start values"),
        ([0.1, inf], {}, "finite start values"),
        ([], {}, "start values of one case"),
        ([0.1, "x"], {}, "numbers as start values"),
        ([0.1, 0.2], {"sites": ["A"]}, "one site name for each"),
        ([0.1, 0.2], {"edges": [nan]}, "finite edges"),
        (pd.DataFrame({"x": [0.1], "y": [0.2]}), {}, "primary to name one"),
    ],
)
def test_an_unusable_start_is_refused(values: object, more: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ExchangeabilityWatch().start(values, **more)  # type: ignore[arg-type]


def test_settings_and_order_of_calls_are_checked() -> None:
    for horizon, false_alarm in ((0, 0.05), (100, 0.0), (100, 1.0), (100, nan)):
        with pytest.raises(InputError, match="horizon >= 1"):
            ExchangeabilityWatch(horizon, false_alarm)
    watch = ExchangeabilityWatch()
    with pytest.raises(InputError, match="case c1: expected a site"):
        watch.update(0.1, case_id="c1")
    watch.start([0.1, 0.2])
    with pytest.raises(InputError, match="second start"):
        watch.start([0.1, 0.2])


def test_a_state_of_the_schema_before_is_refused_by_its_name() -> None:
    text = started(1, 50).to_json().replace("exchangeability-watch/2", "exchangeability-watch/1")
    with pytest.raises(
        FileFormatError, match="received ValueError: schema exchangeability-watch/1"
    ):
        ExchangeabilityWatch.from_json(text)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": "other"}', "null"])
def test_a_damaged_state_is_refused(text: str) -> None:
    with pytest.raises(FileFormatError, match="exchangeability-watch/2"):
        ExchangeabilityWatch.from_json(text)


def test_default_edges_are_not_values_of_the_bag() -> None:
    watch = ExchangeabilityWatch()
    watch.start(np.arange(100.0))
    stream = json.loads(watch.to_json())["streams"][0]
    assert sum(stream["bags"]["all sites"]) == 80
    assert len(stream["edges"]) <= 257


def test_a_column_that_freezes_at_its_median_is_named_though_no_evidence_grows() -> None:
    rng = np.random.default_rng(8)
    frame = pd.DataFrame({"x": rng.normal(size=200), "y": rng.normal(size=200), "z": 0.5})
    watch = ExchangeabilityWatch(primary="x")
    watch.start(frame, edges={name: np.linspace(-2, 2, 65) for name in frame})
    assert (watch.frozen, watch.constant) == ((), ("z",))
    median = float(frame["y"].median())
    for number in range(400):
        case = {"x": rng.normal(), "y": median, "z": 0.5}
        state = watch.update(case, case_id=f"c{number}")
        assert watch.frozen == (("y",) if number >= 19 else ())
    assert not state.alarm
    watch = ExchangeabilityWatch.from_json(watch.to_json())
    assert (watch.frozen, watch.constant) == (("y",), ("z",))
    watch.update({"x": 0.0, "y": 0.1, "z": 0.5}, case_id="d")
    assert watch.frozen == ()


def test_repeats_do_not_lengthen_a_run_and_minus_infinity_is_a_value() -> None:
    watch = ExchangeabilityWatch()
    watch.start(np.arange(100.0))
    for number in range(60):
        watch.update(-inf, case_id=f"c{number}", repeat=number % 3 > 0)
        assert watch.frozen == (("value",) if number >= 57 else ())
        watch = ExchangeabilityWatch.from_json(watch.to_json())


def test_a_column_that_freezes_at_one_site_is_named_and_one_with_many_ties_is_not() -> None:
    rng = np.random.default_rng(9)
    values, sites = rng.normal(size=100), ["A", "B"] * 50
    watch = ExchangeabilityWatch()
    watch.start(values, edges=[0.0], sites=sites)
    for number in range(40):
        value = 0.3 if number % 2 else rng.normal()
        watch.update(value, case_id=f"c{number}", site="AB"[number % 2])
        assert watch.frozen == (("value",) if number >= 39 else ())
    tied = ExchangeabilityWatch()
    tied.start([0.0] * 90 + [1.0] * 10, edges=[0.5])
    for number in range(132):
        assert tied.frozen == ()
        tied.update(0.0, case_id=f"c{number}")
    assert tied.frozen == ("value",)


def test_a_column_that_freezes_everywhere_at_once_is_named_before_any_site_has_twenty() -> None:
    rng = np.random.default_rng(10)
    sites = ["A", "B", "C", "D"] * 50
    for constant_site in (False, True):
        values = rng.normal(size=200)
        if constant_site:
            values[3::4] = 0.0
        watch = ExchangeabilityWatch()
        watch.start(values, edges=[0.0], sites=sites)
        assert watch.constant == ()
        for number in range(20):
            watch.update(0.3, case_id=f"c{number}", site="ABCD"[number % 4])
        # cases of a site that never varied may make a run of any length
        assert watch.frozen == (() if constant_site else ("value",))
