import json
from math import nan, sqrt

import numpy as np
import pytest
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
