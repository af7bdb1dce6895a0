import json
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.monitors import AdaptiveMiscoverage

VALUES = np.arange(1, 100) / 100


class Clipped(AdaptiveMiscoverage):
    """The twin: its intervals are never empty and never the whole support."""

    @property
    def quantile(self) -> float:
        rank = int(np.clip(np.ceil(100 * (1 - self.current)), 1, 99))
        return float(self._sorted[rank - 1])


def worst(adaptive: AdaptiveMiscoverage, wants: list[bool]) -> None:
    """Give the nonconformity that misses, or holds, wherever one can; check the bound each time."""
    for want in wants:
        adaptive.update(1e9 if want else 0.0, "c")
        off = abs(adaptive.misses / adaptive.audits - adaptive.miscoverage)
        assert off <= adaptive.bound


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.booleans(), min_size=1, max_size=300),
    st.sampled_from([0.01, 0.1, 0.5, 0.9]),
    st.sampled_from([0.01, 0.1, 0.7]),
)
def test_the_bound_holds_for_any_sequence(
    wants: list[bool], miscoverage: float, step: float
) -> None:
    worst(AdaptiveMiscoverage(VALUES, miscoverage, step), wants)


@pytest.mark.parametrize("pattern", [[True], [False], [True] * 40 + [False] * 160])
@pytest.mark.parametrize("step", [0.005, 0.05])
def test_the_bound_holds_against_long_attacks(pattern: list[bool], step: float) -> None:
    adaptive = AdaptiveMiscoverage(VALUES, 0.1, step)
    worst(adaptive, (pattern * 3000)[:3000])
    assert -step <= adaptive.current <= 1 + step
    assert adaptive.bound == pytest.approx((0.9 + step) / (step * 3000))


@pytest.mark.parametrize("want", [True, False])
def test_twin_without_whole_and_empty_intervals_breaks_the_bound(want: bool) -> None:
    with pytest.raises(AssertionError):
        worst(Clipped(VALUES, 0.1, 0.05), [want] * 3000)


def test_each_audit_moves_alpha_by_the_rule_and_the_quantile_with_it() -> None:
    rng, alpha = np.random.default_rng(0), 0.1
    adaptive = AdaptiveMiscoverage(rng.permutation(VALUES), 0.1, 0.05)
    for number, value in enumerate(rng.random(500) * 1.2):
        assert adaptive.current == pytest.approx(alpha, abs=1e-12)
        missed = adaptive.update(value, f"c{number}")
        alpha += 0.05 * (0.1 - missed)
    assert adaptive.misses / 500 == pytest.approx(0.1, abs=adaptive.bound)


def test_intervals_are_the_conformal_ones_then_whole_then_empty() -> None:
    adaptive = AdaptiveMiscoverage(VALUES / 2, 0.1, 0.1)
    assert adaptive.quantile == 0.45
    low, high = adaptive.interval([0.5, 0.9], scale=[1.0, 0.5])
    assert low == pytest.approx([0.05, 0.675])
    assert high == pytest.approx([0.95, 1.0])
    for _ in range(2):
        adaptive.update(0.49, "c")
    # 0.1 - 0.09 + 0.01 after one miss and one hit
    assert (adaptive.misses, adaptive.current, adaptive.quantile) == (1, 0.02, 0.49)
    adaptive.update(9.0, "c")
    assert (adaptive.current, adaptive.quantile) == (-0.07, inf)
    assert [end.tolist() for end in adaptive.interval([0.4])] == [[0.0], [1.0]]
    assert adaptive.update(9.0, "c") is False
    greedy = AdaptiveMiscoverage(VALUES, 0.9, 0.5)
    assert greedy.update(0.0, "c") is False
    assert (greedy.current, greedy.quantile) == (1.35, -inf)
    assert np.isnan(greedy.interval([0.4])).all()
    assert greedy.update(0.0, "c") is True


def test_few_patients_have_the_whole_support_until_alpha_has_grown() -> None:
    adaptive = AdaptiveMiscoverage([0.1, 0.2, 0.3], 0.2, 0.1)
    assert adaptive.quantile == inf
    while adaptive.quantile == inf:
        adaptive.update(0.5, "c")
    assert (adaptive.current, adaptive.quantile) == (0.26, 0.3)


def test_repeats_move_nothing_and_state_goes_on_bit_for_bit_in_fixed_size() -> None:
    rng = np.random.default_rng(1)
    kept = AdaptiveMiscoverage(VALUES, 0.1, 0.03)
    read, size = AdaptiveMiscoverage.from_json(kept.to_json()), len(kept.to_json())
    for value in rng.random(400):
        kept.update(value, "c")
        read = AdaptiveMiscoverage.from_json(read.to_json())
        read.update(value, "c")
        read.update(1.0, "c", repeat=True)
    assert read.to_json() == kept.to_json()
    assert len(kept.to_json()) <= size + 6


def test_words_promise_a_long_run_average_only() -> None:
    adaptive = AdaptiveMiscoverage(VALUES)
    assert (adaptive.bound, adaptive.promise) == (
        inf,
        "A long-run average over audited cases: none yet. Nothing for one case, no confidence.",
    )
    for _ in range(1000):
        adaptive.update(0.5, "c")
    assert adaptive.promise == (
        "A long-run average over audited cases: after 1000 audits the share of misses, 5.9%, lies "
        "within 0.091 of 10%. Nothing for one case, no confidence."
    )


@pytest.mark.parametrize("value", [nan, -0.1, inf, None, "bad"])
def test_a_missing_answer_is_refused_by_case(value: float) -> None:
    adaptive = AdaptiveMiscoverage(VALUES)
    with pytest.raises(InputError, match="case c7: expected a finite nonconformity"):
        adaptive.update(value, "c7")
    assert adaptive.audits == 0


def test_unusable_settings_and_states_are_refused() -> None:
    for arguments in (([],), ([nan],), ([-1.0],), ([0.1], 0.0), ([0.1], 0.1, 1.0)):
        with pytest.raises(InputError):
            AdaptiveMiscoverage(*arguments)
    good = json.loads(AdaptiveMiscoverage(VALUES).to_json())
    for wrong in ({"schema": "adaptive-miscoverage/0"}, {"misses": 4}, {"step": 2.0}):
        with pytest.raises(FileFormatError, match="adaptive-miscoverage/1"):
            AdaptiveMiscoverage.from_json(json.dumps(good | wrong))
    for text in ("", "{}", "[]"):
        with pytest.raises(FileFormatError):
            AdaptiveMiscoverage.from_json(text)
