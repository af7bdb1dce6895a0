"""Areas under the risk-coverage curve: AURC in two conventions, e-AURC, nAURC and AUGRC."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import InputError
from segqc_conformal.evaluation.weighted_sample import Values, WeightedSample, tied_groups

__all__ = ["CONVENTIONS", "augrc", "aurc", "e_aurc", "naurc"]

CONVENTIONS = ("rectangle", "trapezoid")


def aurc(
    score: ArrayLike,
    loss: ArrayLike,
    counts: ArrayLike | None = None,
    convention: str = "rectangle",
) -> Values:
    """Return the area under the risk-coverage curve: lower is better.

    Parameters
    ----------
    score : array_like of float, shape (cases,)
        Higher is accepted earlier; -inf is allowed, NaN is not.
    loss : array_like of float, shape (cases,)
        Loss of each case in [0, 1]: 1 - Dice, or 1 where Dice <= threshold.
    counts : array_like of int, shape (replicates, cases) or (cases,), optional
        How often each case counts (see `patient_counts`).
    convention : {"rectangle", "trapezoid"}
        "rectangle": the mean of the risk over 1..n accepted cases; a constant loss r gives r.
        "trapezoid": trapezoids over coverage [1/n, 1] without normalisation, as the public
        failure-detection benchmarks do; a constant loss r gives r (n - 1) / n.

    Returns
    -------
    float or ndarray of float64, shape (replicates,)

    Raises
    ------
    InputError
        For no cases, unequal lengths, NaN scores, a loss outside [0, 1] or another convention.

    Notes
    -----
    Cases of equal score share the mean loss of their group, so the order of the rows never
    matters. Guarantee: none. Source: Geifman and El-Yaniv, NeurIPS 2017; the tie rule is the
    expectation over orders.

    Examples
    --------
    >>> round(aurc([1, 2, 3, 4], [0.4, 0.0, 0.0, 0.0]), 6)
    0.025
    >>> round(aurc(np.ones(20), np.full(20, 0.3), convention="trapezoid"), 3)
    0.285
    """
    sample = WeightedSample.of(score, loss, counts)
    return sample.answer(_area(sample, sample.score, convention))


def e_aurc(
    score: ArrayLike,
    loss: ArrayLike,
    counts: ArrayLike | None = None,
    convention: str = "rectangle",
) -> Values:
    """Return the excess of AURC over that of the perfect order: 0 is best.

    Parameters, errors and ties are those of `aurc`.

    Notes
    -----
    Guarantee: none. Source: Geifman, Uziel, El-Yaniv, ICLR 2019.

    Examples
    --------
    >>> e_aurc([1, 2, 3], [0.9, 0.5, 0.1])
    0.0
    """
    sample = WeightedSample.of(score, loss, counts)
    best = _area(sample, -sample.target, convention)
    return sample.answer(_area(sample, sample.score, convention) - best)


def naurc(
    score: ArrayLike,
    loss: ArrayLike,
    counts: ArrayLike | None = None,
    convention: str = "rectangle",
) -> Values:
    """Return AURC between that of a random order (0) and of the perfect order (1).

    Parameters, errors and ties are those of `aurc`. Below 0: worse than a random order.

    Notes
    -----
    ``(random - AURC) / (random - perfect)``, all three in the same convention; NaN where every
    loss is the same. Guarantee: none.

    Examples
    --------
    >>> naurc([1, 2, 3], [0.9, 0.5, 0.1]), naurc([1, 1, 1], [0.9, 0.5, 0.1])
    (1.0, 0.0)
    """
    sample = WeightedSample.of(score, loss, counts)
    random = _area(sample, np.zeros_like(sample.score), convention)
    best = _area(sample, -sample.target, convention)
    gained = random - _area(sample, sample.score, convention)
    varies = tied_groups(sample.target, sample.counts).varies
    nothing = np.full(gained.shape, np.nan)
    return sample.answer(np.divide(gained, random - best, out=nothing, where=varies))


def augrc(score: ArrayLike, loss: ArrayLike, counts: ArrayLike | None = None) -> Values:
    """Return the area under the generalised risk-coverage curve: lower is better.

    The generalised risk is the loss of the accepted cases as a share of all cases. Parameters,
    errors and ties are those of `aurc`.

    Notes
    -----
    The mean over 1..n accepted cases of their summed loss over n. Guarantee: none. Source: after
    Traub et al., NeurIPS 2024, from a summary of it.

    Examples
    --------
    >>> augrc([2, 1], [0.0, 1.0])
    0.25
    """
    sample = WeightedSample.of(score, loss, counts)
    groups = tied_groups(sample.score, sample.counts)
    sums = groups.sums(sample.target)
    earlier = np.cumsum(sums, axis=1) - sums
    area = groups.size * earlier + sums * (groups.size + 1.0) / 2.0
    return sample.answer(area.sum(axis=1) / sample.total**2)


def _area(
    sample: WeightedSample, score: NDArray[np.float64], convention: str
) -> NDArray[np.float64]:
    if convention not in CONVENTIONS:
        raise InputError(f"convention one of {CONVENTIONS}", repr(convention), "choose one")
    groups = tied_groups(score, sample.counts)
    sums = groups.sums(sample.target)
    means = np.divide(sums, groups.size, out=np.zeros_like(sums), where=groups.size > 0.0)
    earlier = np.cumsum(sums, axis=1) - sums
    # With j of a group accepted the risk is mean + (earlier - before * mean) / (before + j): over
    # j the fractions add up to a difference of harmonic numbers.
    first, last = groups.before.astype(np.intp), (groups.before + groups.size).astype(np.intp)
    harmonic = _harmonic_numbers(int(sample.total.max()))
    risks = sums + (earlier - groups.before * means) * (harmonic[last] - harmonic[first])
    area = risks.sum(axis=1)
    if convention == "trapezoid":
        best = np.argmax(groups.size > 0.0, axis=1)
        strictest = means[np.arange(len(best)), best]
        area = area - 0.5 * (strictest + sums.sum(axis=1) / sample.total)
    return np.asarray(area / sample.total)


def _harmonic_numbers(largest: int) -> NDArray[np.float64]:
    return np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, largest + 1))])
