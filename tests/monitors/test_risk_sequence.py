import json
from math import nan, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta

from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.monitors import RiskSequence
from segqc_conformal.monitors.risk_sequence import risk_interval, upper_risk

DELTA, RUNS, AUDITS = 0.10, 1500, 150
SLACK = 2 * sqrt(DELTA * (1 - DELTA) / RUNS)


def brute_force(loss: float, audits: int, delta: float) -> float:
    """Return the smallest risk of a fine grid that a mixture over smaller ones excludes."""

    def evidence(m: float) -> float:
        def ratio(q: float) -> float:
            return (q / m) ** loss * ((1 - q) / (1 - m)) ** (audits - loss)

        return quad(ratio, 0.0, m, points=[min(m, (loss + 1) / (audits + 2))])[0] / m

    excluded = [m for m in np.linspace(0.001, 0.999, 999) if evidence(m) >= 1 / delta]
    return min(excluded, default=1.0)


def test_upper_end_equals_brute_force() -> None:
    cases = [(0, 0), (0, 10), (3, 10), (10, 10), (2.5, 40), (0, 60), (9, 90)]
    loss, audits = np.array(cases).T
    expected = [brute_force(S, int(n), 0.05) for S, n in cases]
    assert upper_risk(loss, audits, 0.05) == pytest.approx(expected, abs=1.001e-3)


def test_ends_mirror_and_share_delta() -> None:
    low, high = risk_interval([5, 0, 7], [50, 20, 7], 0.10)
    assert low == pytest.approx(1 - upper_risk([45, 20, 0], [50, 20, 7], 0.05))
    assert high == pytest.approx(upper_risk([5, 0, 7], [50, 20, 7], 0.05))
    assert risk_interval([5], [50], 0.05, "lower") == ([low[0]], [1.0])
    assert risk_interval([5], [50], 0.05, "upper") == ([0.0], [high[0]])


@pytest.mark.parametrize("risk", [0.05, 0.3])
def test_holds_at_every_number_of_audits_at_once(risk: float) -> None:
    bad = (np.random.default_rng(1).random((AUDITS, RUNS)) < risk).cumsum(axis=0)
    # each number of audits has few different sums: look their ends up
    numbers = np.arange(1, AUDITS + 1)[:, None]
    sums = np.minimum(np.arange(AUDITS + 1), numbers)
    low, high = risk_interval(sums, numbers, DELTA)
    ever = ((low > risk) | (high < risk))[numbers - 1, bad].any(axis=0)
    assert ever.mean() <= DELTA + SLACK
    # twin: an interval for one fixed number of audits, looked at after each
    low = np.nan_to_num(beta.ppf(DELTA / 2, sums, numbers - sums + 1))
    high = np.nan_to_num(beta.isf(DELTA / 2, sums + 1, numbers - sums), nan=1.0)
    ever = ((low > risk) | (high < risk))[numbers - 1, bad].any(axis=0)
    assert ever.mean() > DELTA + SLACK


def closed_wrongly(risk: np.ndarray, quiet: int) -> float:
    """Return how often a bound of 0.10 is certified while the average risk since exceeds it."""
    rng, bound = np.random.default_rng(2), 0.10
    audits = np.arange(1, risk.size + 1)
    before = rng.binomial(quiet, 0.02, size=RUNS)
    bad = before + (rng.random((risk.size, RUNS)) < risk[:, None]).cumsum(axis=0)
    number = quiet + audits[:, None]
    ends = upper_risk(np.minimum(np.arange(bad.max() + 1), number), number, DELTA)
    closed = ends[audits[:, None] - 1, bad] <= bound
    exceeds = risk.cumsum() / audits > bound
    return float((closed & exceeds[:, None]).any(axis=0).mean())


@pytest.mark.parametrize(
    "risk",
    [np.full(200, 0.101), np.tile([0.21, 0.0], 100), np.r_[np.full(60, 0.03), np.full(200, 0.4)]],
)
def test_benign_is_rarely_said_while_the_average_risk_exceeds_the_bound(risk: np.ndarray) -> None:
    assert closed_wrongly(risk, quiet=0) <= DELTA + SLACK


def test_twin_that_keeps_audits_from_before_the_change_says_benign_falsely() -> None:
    assert closed_wrongly(np.full(200, 0.15), quiet=0) <= DELTA + SLACK
    assert closed_wrongly(np.full(200, 0.15), quiet=300) > 0.9


def test_only_cases_after_the_alarm_count() -> None:
    sequence = RiskSequence(0.05, "upper", since_sequence=300)
    for number in range(1, 401):
        sequence.update(number > 300 and number % 5 == 0, f"c{number}", sequence=number)
    sequence.update(True, "again", sequence=401, repeat=True)
    assert (sequence.audits, sequence.left_out, sequence.risk) == (100, 300, 0.2)
    sequence.restart(since_sequence=400)
    assert (sequence.audits, sequence.left_out, sequence.risk) == (0, 0, None)
    assert sequence.interval == (0.0, 1.0)


def test_continues_bit_for_bit_after_a_round_trip() -> None:
    losses = np.random.default_rng(3).random(50)
    kept, read = RiskSequence(since_sequence=5), RiskSequence(since_sequence=5)
    for number, loss in enumerate(losses):
        kept.update(loss, "c", sequence=number)
        read = RiskSequence.from_json(read.to_json())
        read.update(loss, "c", sequence=number)
    assert read.to_json() == kept.to_json()
    assert json.loads(kept.to_json())["audits"] == 44


def counted(losses: list[float], since: int | None = 3) -> RiskSequence:
    sequence = RiskSequence(since_sequence=since)
    for number, loss in enumerate(losses):
        sequence.update(loss, f"c{number}", sequence=number)
    return sequence


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.booleans(), max_size=9), min_size=1, max_size=5), st.randoms())
def test_merged_shards_are_one_pass_in_any_order(parts: list[list[bool]], order) -> None:  # type: ignore[no-untyped-def]
    shards = [counted([float(bad) for bad in part]) for part in parts]
    order.shuffle(shards)
    merged = RiskSequence.merged(*shards)
    nested = shards[0]
    for shard in shards[1:]:
        nested = RiskSequence.merged(nested, shard)
    assert nested.to_json() == merged.to_json()
    assert merged.audits == sum(max(0, len(part) - 4) for part in parts)
    assert merged.left_out == sum(min(4, len(part)) for part in parts)
    assert merged.loss == sum(sum(part[4:]) for part in parts)
    assert merged.interval == risk_interval(merged.loss, merged.audits, 0.05)


def test_graded_losses_of_shards_add_up_in_any_order_bit_for_bit() -> None:
    losses = np.random.default_rng(7).random((4, 30))
    shards = [counted(part.tolist(), None) for part in losses]
    whole = counted(losses.ravel().tolist(), None)
    merged = RiskSequence.merged(*shards)
    assert merged.loss == RiskSequence.merged(*shards[::-1]).loss
    assert merged.loss == pytest.approx(whole.loss, rel=1e-14)


def test_a_merge_forgets_nothing_and_changes_no_shard() -> None:
    one, two = counted([1.0] * 10, None), counted([0.0] * 30, None)
    before = one.to_json()
    merged = RiskSequence.merged(one, two)
    merged.update(True, "c")
    assert (merged.audits, merged.loss, one.to_json()) == (41, 11.0, before)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("false_alarm", RiskSequence(0.04, "upper", 3)),
        ("side", RiskSequence(0.05, "lower", 3)),
        ("since_sequence", RiskSequence(0.05, "upper")),
    ],
)
def test_shards_with_other_settings_do_not_merge(name: str, other: RiskSequence) -> None:
    with pytest.raises(InputError, match=f"expected sequences with the same {name};"):
        RiskSequence.merged(RiskSequence(0.05, "upper", 3), other)
    with pytest.raises(InputError, match="one sequence at least"):
        RiskSequence.merged()


def test_the_bound_holds_at_every_merge_of_shards_with_different_risks() -> None:
    # three shards, risks around an average of 0.11, merged in lots of unlike sizes
    rng, bound, lots = np.random.default_rng(8), 0.10, 40
    sizes, risks = np.array([1, 3, 2]), np.array([0.02, 0.15, 0.095])
    assert sizes @ risks / sizes.sum() > bound
    bad = rng.binomial(np.tile(sizes, (RUNS, lots, 1)), risks).sum(axis=2).cumsum(axis=1)
    audits = sizes.sum() * np.arange(1, lots + 1)
    sums = np.minimum(np.arange(bad.max() + 1), audits[:, None])
    ends = upper_risk(sums, audits[:, None], DELTA)
    closed = ends[np.arange(lots), bad] <= bound
    assert closed.any(axis=1).mean() <= DELTA + SLACK


@pytest.mark.parametrize("loss", [nan, 1.2, -0.1, None, "bad"])
def test_a_missing_label_is_refused(loss: float) -> None:
    with pytest.raises(InputError, match=r"case c7: expected a loss in \[0, 1\]"):
        RiskSequence().update(loss, "c7")


def test_refuses_unusable_settings_cases_and_states() -> None:
    with pytest.raises(InputError):
        RiskSequence(false_alarm=0.0)
    with pytest.raises(InputError):
        RiskSequence(side="both")
    for sequence in (None, nan, "4"):
        with pytest.raises(InputError, match="case c1: expected the sequence number"):
            RiskSequence(since_sequence=3).update(True, "c1", sequence)  # type: ignore[arg-type]
    for text in ("", "{}", '{"schema": "risk-sequence/0"}', "[]"):
        with pytest.raises(FileFormatError):
            RiskSequence.from_json(text)
