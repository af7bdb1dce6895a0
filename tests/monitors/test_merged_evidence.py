from math import exp, log, sqrt

import numpy as np
import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.monitors import FixedProfileWatch, merged_evidence
from segqc_conformal.monitors.fixed_profile_stream import FixedProfileStream
from segqc_conformal.monitors.quantise import quantile_edges

EDGES = quantile_edges(np.random.default_rng(99).normal(size=1000))
FALSE_ALARM, SHARDS, HORIZON = 0.10, 4, 300


def shards(seed: int, calibration: int, number: int = SHARDS) -> list[FixedProfileWatch]:
    bag = np.random.default_rng([seed, 0]).normal(size=calibration)
    watches = [FixedProfileWatch(HORIZON, FALSE_ALARM, seed) for _ in range(number)]
    for watch in watches:
        watch.start(bag, edges=EDGES)
    return watches


def ever_alarms(seed: int, calibration: int) -> bool:
    """Merge after every tenth case of a quiet horizon in each shard."""
    watches, rng = shards(seed, calibration), np.random.default_rng([seed, 1])
    for number in range(HORIZON):
        for place, watch in enumerate(watches):
            watch.update(rng.normal(), case_id=f"{place}-{number}")
        if number % 10 == 9 and merged_evidence(watches).alarm:
            return True
    return False


def test_false_alarms_at_any_merge_stay_within_the_bound_and_a_twin_breaks_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = 40
    limit = FALSE_ALARM + 2 * sqrt(FALSE_ALARM * (1 - FALSE_ALARM) / runs)
    assert sum(ever_alarms(seed, 60) for seed in range(runs)) / runs <= limit
    monkeypatch.setattr(FixedProfileStream, "_margin", lambda *_: 0.0)
    assert sum(ever_alarms(seed, 60) for seed in range(runs)) / runs > limit


def test_merged_evidence_is_the_mean_of_the_shards() -> None:
    watches, rng = shards(2, 200), np.random.default_rng(3)
    for place, watch in enumerate(watches):
        for number in range(40 * place):
            watch.update(rng.normal(0.3), case_id=f"{place}-{number}")
    merged = merged_evidence(watches)
    each = [exp(watch.state().log_evidence) for watch in watches]
    # no case yet: (0 / N + 1) / 2, against a threshold of 2 / false_alarm
    assert each[0] == pytest.approx(1 / 4)
    assert merged.log_evidence == pytest.approx(log(np.mean(each)), abs=1e-12)
    assert (merged.shards, merged.cases) == (4, 240)
    assert merged_evidence(watches[::-1]).log_evidence == pytest.approx(merged.log_evidence)


def test_one_shard_alone_is_itself() -> None:
    [watch] = shards(2, 500, number=1)
    for number in range(80):
        state = watch.update(1.0, case_id=f"c{number}")
        merged = merged_evidence([watch])
        assert merged.log_evidence == pytest.approx(state.log_evidence, abs=1e-12)
    assert (merged.alarm, merged.located) == (True, ("value",))


def test_a_change_at_all_shards_is_seen_though_none_could_alone() -> None:
    watches, rng = shards(5, 2000), np.random.default_rng(6)
    for number in range(45):
        for place, watch in enumerate(watches):
            watch.update(rng.normal(0.8), case_id=f"{place}-{number}")
    assert merged_evidence(watches).alarm


def test_a_change_at_one_shard_is_seen_by_going_on_after_its_own_alarm() -> None:
    watches, rng = shards(7, 2000), np.random.default_rng(8)
    for number in range(150):
        for place, watch in enumerate(watches):
            watch.update(rng.normal(1.0 if place == 1 else 0.0), case_id=f"{place}-{number}")
    assert merged_evidence(watches).alarm


@pytest.mark.parametrize(
    ("setting", "other"),
    [
        ("horizon", FixedProfileWatch(HORIZON + 1, FALSE_ALARM, 1)),
        ("false_alarm", FixedProfileWatch(HORIZON, 0.2, 1)),
        ("seed", FixedProfileWatch(HORIZON, FALSE_ALARM, 2)),
        ("primary", FixedProfileWatch(HORIZON, FALSE_ALARM, 1, primary="value")),
    ],
)
def test_shards_with_other_settings_are_refused_by_name(
    setting: str, other: FixedProfileWatch
) -> None:
    other.start(np.random.default_rng([1, 0]).normal(size=50), edges=EDGES)
    with pytest.raises(InputError, match=f"expected shards with the same {setting};"):
        merged_evidence([*shards(1, 50), other])


def test_shards_of_another_profile_and_unstarted_ones_are_refused() -> None:
    with pytest.raises(InputError, match=r"same streams; received other edges.* \['value'\]"):
        merged_evidence([*shards(1, 50), *shards(1, 51)])
    for none in ([], [FixedProfileWatch()]):
        with pytest.raises(InputError, match="one started watch at least"):
            merged_evidence(none)
    with pytest.raises(InputError, match="same streams"):
        merged_evidence([*shards(1, 50), FixedProfileWatch(HORIZON, FALSE_ALARM, 1)])
