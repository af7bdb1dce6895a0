from itertools import product

import numpy as np
import pytest

from segqc_conformal.calibrators.worst_shift import tolerable_shift, worst_rate
from segqc_conformal.errors import InputError

PARTS = 20  # laws of (accepted and good, accepted and bad, referred) in twentieths


def laws() -> np.ndarray:
    counted = [(g, b, PARTS - g - b) for g, b in product(range(PARTS + 1), repeat=2)]
    return np.array([law for law in counted if law[2] >= 0])


@pytest.mark.parametrize("old", [(9, 1, 10), (12, 2, 6), (18, 2, 0), (1, 1, 18), (6, 0, 14)])
@pytest.mark.parametrize("moved", range(PARTS + 1))
def test_no_law_within_the_distance_is_worse_and_one_is_as_bad(
    old: tuple[int, int, int], moved: int
) -> None:
    every = laws()
    near = every[np.abs(every - old).sum(axis=1) <= 2 * moved]
    accepts = near[near[:, 0] + near[:, 1] > 0]
    worst = (accepts[:, 1] / (accepts[:, 0] + accepts[:, 1])).max()
    accepted = old[0] + old[1]
    found = worst_rate(old[1] / accepted, moved / PARTS, accepted / PARTS)
    assert found == pytest.approx(worst)


def test_of_all_patients_it_is_the_plain_sum() -> None:
    assert worst_rate(0.1, 0.03) == pytest.approx(0.13)
    assert worst_rate(0.9, 0.3) == 1.0


@pytest.mark.parametrize("share", [0.2, 0.7, 1.0])
@pytest.mark.parametrize("rate", [0.0, 0.05, 0.1])
def test_the_tolerable_shift_just_reaches_the_limit(rate: float, share: float) -> None:
    shift = tolerable_shift(rate, 0.15, share)
    assert worst_rate(rate, shift, share) == pytest.approx(0.15)
    assert worst_rate(rate, shift + 0.01, share) > 0.15


def test_edges() -> None:
    assert tolerable_shift(0.2, 0.15) == 0.0
    assert tolerable_shift(0.2, 1.0, 0.3) == 1.0


@pytest.mark.parametrize("share", [0.0, 50.0, float("nan")])
def test_percentages_and_an_empty_share_are_refused(share: float) -> None:
    with pytest.raises(InputError, match=r"share in \(0, 1\]"):
        worst_rate(0.1, 0.02, share)
    with pytest.raises(InputError, match=r"rate in \[0, 1\]"):
        worst_rate(10.0, 0.02)


def shifted_population(
    rng: np.random.Generator, kind: str, share: float, patients: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return who is accepted and who is bad: 60 % accepted, 5 % of these bad, before the shift."""
    accepted = rng.random(patients) < 0.6
    bad = np.where(accepted, rng.random(patients) < 0.05, rng.random(patients) < 0.5)
    if kind == "newcomers":
        new = rng.random(patients) < share
    else:  # the adversary turns good ones that would have been accepted
        new = accepted & ~bad & (rng.random(patients) < share / (0.6 * 0.95))
    return accepted | new, bad | new


@pytest.mark.parametrize("share", [0.01, 0.03, 0.1])
def test_contaminated_populations_meet_the_bound_and_one_reaches_it(share: float) -> None:
    rng = np.random.default_rng(0)
    bound = worst_rate(0.05, share, 0.6)
    found = {}
    for kind in ("turned", "newcomers"):
        accepted, bad = shifted_population(rng, kind, share, 1_000_000)
        found[kind] = bad[accepted].mean()
    error = 3 * np.sqrt(bound / 600_000)
    assert found["turned"] == pytest.approx(bound, abs=error)
    assert bound - 0.2 * share / 0.6 - error < found["newcomers"] <= bound + error
    # the twin: a bound that forgets that only accepted patients count is broken by both
    assert min(found.values()) > worst_rate(0.05, share) + error
