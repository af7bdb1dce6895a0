"""How many labelled calibration patients a promise needs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom

from segqc_conformal.calibrators.checks import check_open_unit, delta_of
from segqc_conformal.calibrators.looks import confidence_of_look
from segqc_conformal.errors import InputError

__all__ = [
    "accepted_and_bad",
    "calibration_size",
    "certification_chance",
    "largest_tolerable_bad",
    "likely_chance",
    "smallest_calibration_size",
]

CHANCE = 0.8
LARGEST_STUDY = 4096


@lru_cache(maxsize=8)
def largest_tolerable_bad(
    accepted: int, tolerated_error: float, confidence: float
) -> NDArray[np.int64]:
    """Return, for 0..`accepted` accepted patients, how many bad ones still certify.

    Parameters
    ----------
    accepted : int
        Largest number of accepted calibration patients.
    tolerated_error, confidence : float
        alpha and 1 - delta in (0, 1).

    Returns
    -------
    ndarray of int64, shape (accepted + 1,)
        Largest k with ``P(Bin(N, alpha) <= k) <= delta`` for each N; -1 where none does.

    Notes
    -----
    Guarantee: none (arithmetic of the exact binomial test).

    Examples
    --------
    >>> table = largest_tolerable_bad(60, 0.1, 0.9)
    >>> [int(np.argmax(table >= bad)) for bad in (0, 1, 2)]
    [22, 38, 52]
    """
    counts = np.arange(accepted + 1)
    delta = delta_of(confidence)
    guess = binom.ppf(delta, counts, tolerated_error).astype(np.int64)
    # ppf gives the smallest k with cdf >= delta; the wanted k is that one only on equality
    passes = binom.cdf(guess, counts, tolerated_error) <= delta
    return np.asarray(np.where(passes, guess, guess - 1), dtype=np.int64)


def certification_chance(
    patients: int,
    accepted_share: float,
    error_among_accepted: float,
    tolerated_error: float = 0.1,
    confidence: float = 0.9,
) -> float:
    """Return the probability that one accept threshold, fixed beforehand, gets certified.

    Parameters
    ----------
    patients : int
        Calibration patients, >= 0.
    accepted_share, error_among_accepted : float
        True share that the threshold accepts, and share of those with Dice <= threshold, in [0, 1].
    tolerated_error, confidence : float
        alpha and 1 - delta in (0, 1).

    Returns
    -------
    float
        P(certify) under ``N ~ Bin(patients, share)``, ``K ~ Bin(N, error)``, exactly.

    Notes
    -----
    Guarantee: none; the two shares are assumptions of the planner.

    Examples
    --------
    >>> round(certification_chance(100, 0.5, 0.02), 3)
    0.812
    """
    errors = np.array([error_among_accepted])
    return float(_chances(patients, accepted_share, errors, tolerated_error, confidence)[0])


def _chances(
    patients: int,
    accepted_share: float,
    errors: NDArray[np.float64],
    tolerated_error: float,
    confidence: float,
) -> NDArray[np.float64]:
    table = largest_tolerable_bad(max(patients, LARGEST_STUDY), tolerated_error, confidence)
    # accepted counts beyond 9 standard deviations do not change the sum
    spread = 9.0 * np.sqrt(patients * accepted_share * (1.0 - accepted_share)) + 1.0
    mean = patients * accepted_share
    accepted = np.arange(max(0, int(mean - spread)), min(patients, int(mean + spread) + 1) + 1)
    tolerable = table[accepted]
    certain = binom.cdf(tolerable, accepted, errors[:, None])
    passes = np.where(tolerable >= 0, certain, 0.0)
    return np.asarray(passes @ binom.pmf(accepted, patients, accepted_share))


def likely_chance(
    patients: int,
    accepted_share: float,
    accepted: int,
    bad: int,
    tolerated_error: float = 0.1,
    confidence: float = 0.9,
) -> float:
    """Return the probability of a certificate when the error is known from few patients only.

    Parameters
    ----------
    patients : int
        Calibration patients to come, >= 0.
    accepted_share : float
        Share that the threshold accepts, in [0, 1].
    accepted, bad : int
        Other patients that it accepted, and the bad ones among them.
    tolerated_error, confidence : float
        alpha and 1 - delta in (0, 1).

    Returns
    -------
    float
        `certification_chance` averaged over errors that `accepted` and `bad` leave likely
        (Beta(bad + 1/2, accepted - bad + 1/2), eight equally likely values).

    Notes
    -----
    Guarantee: none; zero observed errors are not zero errors.

    Examples
    --------
    >>> round(likely_chance(100, 0.5, 40, 0), 2), round(certification_chance(100, 0.5, 0.0), 2)
    (0.89, 1.0)
    """
    errors = beta.ppf((np.arange(8) + 0.5) / 8, bad + 0.5, accepted - bad + 0.5)
    return float(_chances(patients, accepted_share, errors, tolerated_error, confidence).mean())


def calibration_size(
    accepted_share: float,
    error_among_accepted: float,
    tolerated_error: float = 0.1,
    confidence: float = 0.9,
    chance: float = CHANCE,
    looks: str = "one",
    look: int = 1,
) -> int | None:
    """Return how many calibration patients give a certificate with probability `chance`.

    Parameters
    ----------
    accepted_share, error_among_accepted : float
        Assumed share of cases that the threshold accepts, and of bad ones among them, in [0, 1].
    tolerated_error, confidence : float
        alpha and 1 - delta of the accept promise, in (0, 1).
    chance : float
        Wanted probability of a certificate, in (0, 1).
    looks, look : str, int
        Whether many looks share delta, and which one is planned (see `delta_of_look`).

    Returns
    -------
    int or None
        Calibration patients (not those used to fit); None if 4,096 would not do, in particular
        if the assumed error is not below the tolerated one.

    Notes
    -----
    Guarantee: none; a planning figure under the two assumed shares.

    Examples
    --------
    >>> calibration_size(accepted_share=0.5, error_among_accepted=0.02)
    98
    >>> calibration_size(accepted_share=0.5, error_among_accepted=0.02, looks="many")
    127
    >>> calibration_size(accepted_share=0.5, error_among_accepted=0.12) is None
    True
    """
    check_open_unit(tolerated_error=tolerated_error, confidence=confidence, chance=chance)
    if not (0.0 <= accepted_share <= 1.0 and 0.0 <= error_among_accepted <= 1.0):
        raise InputError(
            "accepted share and error in [0, 1]",
            (accepted_share, error_among_accepted),
            "give shares, not percentages",
        )
    confidence = confidence_of_look(confidence, looks, look)
    if error_among_accepted >= tolerated_error or accepted_share == 0.0:
        return None

    def enough(patients: int) -> bool:
        return chance <= certification_chance(
            patients, accepted_share, error_among_accepted, tolerated_error, confidence
        )

    low, high = 0, 16
    while not enough(high):
        low, high = high, 2 * high
        if high > LARGEST_STUDY:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def accepted_and_bad(
    scores: NDArray[np.float64], bad: NDArray[np.bool_], thresholds: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count, for each threshold, the patients it accepts and the bad ones among them.

    Examples
    --------
    >>> n, k = accepted_and_bad(np.array([1., 2., 3.]), np.array([True, False, False]),
    ...                         np.array([2.0, 0.0]))
    >>> n.tolist(), k.tolist()
    ([2, 3], [0, 1])
    """
    order = np.argsort(scores)
    below = np.searchsorted(scores[order], thresholds, side="left")
    bad_from = np.concatenate([np.cumsum(bad[order][::-1])[::-1], [0]])
    return np.asarray(scores.size - below), np.asarray(bad_from[below])


def smallest_calibration_size(
    shares: Iterable[tuple[float, float]], tolerated_error: float, confidence: float
) -> int | None:
    """Return the smallest `calibration_size` over (accepted share, error among accepted) pairs.

    Examples
    --------
    >>> smallest_calibration_size([(0.9, 0.08), (0.5, 0.02)], 0.1, 0.9)
    98
    """
    best: int | None = None
    # the most promising first, so that most of the others are ruled out by one look
    for share, error in sorted(shares, key=lambda pair: (pair[1] - tolerated_error) * pair[0]):
        if best is None or (
            certification_chance(best - 1, share, error, tolerated_error, confidence) >= CHANCE
        ):
            size = calibration_size(share, error, tolerated_error, confidence)
            best = size if best is None else min(best, size or best)
    return best
