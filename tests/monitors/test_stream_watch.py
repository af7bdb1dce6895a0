from math import inf

import numpy as np
import pytest
from scipy import stats

from segqc_conformal.monitors.martingale import JumperMixture
from segqc_conformal.monitors.quantise import quantile_edges
from segqc_conformal.monitors.stream_watch import StreamWatch


def p_values_of(
    stream: StreamWatch, monkeypatch: pytest.MonkeyPatch, cases: list[tuple[float, str, float]]
) -> list[float]:
    """Return the p-values that the stream bets on."""
    seen: list[float] = []
    monkeypatch.setattr(JumperMixture, "update", lambda self, p: seen.append(p))
    for number, (value, site, uniform) in enumerate(cases, start=1):
        stream.update(value, site, uniform, f"c{number}", number)
    return seen


def test_p_values_equal_the_definition_with_a_growing_bag_per_site(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    bags = {"A": rng.integers(0, 6, 30).tolist(), "B": rng.integers(2, 8, 10).tolist()}
    cases = [
        (float(rng.integers(0, 9)) if rng.random() > 0.1 else -inf, site, rng.random())
        for site in rng.choice(["A", "B"], 100)
    ]
    stream = StreamWatch("x", list(range(9)), bags, 0.05, 1000)
    wanted = []
    for value, site, uniform in cases:
        bag = bags[site]
        above, equal = sum(b > value for b in bag), sum(b == value for b in bag)
        wanted.append((above + uniform * (equal + 1)) / (len(bag) + 1))
        bag.append(value)
    assert p_values_of(stream, monkeypatch, cases) == wanted


def test_p_values_are_uniform_and_uncorrelated_also_with_ties_and_a_small_bag(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(1)
    values = np.round(rng.normal(size=5020), 1)
    stream = StreamWatch("x", quantile_edges(rng.normal(size=30)), {"A": values[:20]}, 0.05, 9999)
    cases = [
        (value, "A", uniform) for value, uniform in zip(values[20:], rng.random(5000), strict=True)
    ]
    p = np.array(p_values_of(stream, monkeypatch, cases))
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(p[1:], p[:-1])[0, 1]) < 4 / np.sqrt(len(p))


def test_after_the_alarm_bag_and_evidence_are_frozen() -> None:
    stream = StreamWatch("x", [0.0, 1.0], {"A": [0.5] * 50}, 0.05, 100)
    number = 0
    while stream.alarmed_at is None:
        number += 1
        stream.update(2.0, "A", 0.5, f"c{number}", number)
    frozen = stream.state()
    for later in range(50):
        stream.update(0.5, "A", 0.5, f"d{later}", number + 1 + later)
    learned = ("bags", "bets", "lowest", "change_point", "change_case_id", "alarmed_at")
    assert {name: stream.state()[name] for name in learned} == {n: frozen[n] for n in learned}
    assert sum(frozen["bags"]["A"]) == 50 + number
