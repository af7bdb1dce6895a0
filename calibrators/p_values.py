"""P-values of "the risk is at least alpha", each super-uniform for every sample size."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

__all__ = ["betting_p_value", "binomial_p_value", "hoeffding_bentkus_p_value"]

ROUNDING = 1e-9  # a sum of losses so near an integer is that integer
STAKES = 6


def binomial_p_value(
    bad: ArrayLike, accepted: ArrayLike, tolerated_error: float
) -> NDArray[np.float64]:
    """Return the exact binomial p-values of the accepted patients alone.

    Parameters
    ----------
    bad, accepted : array_like of int, same shape
        Bad patients among the accepted, and accepted patients.
    tolerated_error : float
        alpha in (0, 1).

    Returns
    -------
    ndarray of float64
        ``P(Bin(accepted, alpha) <= bad)``; 1 where nobody is accepted.

    Notes
    -----
    Guarantee: if P(bad given accepted) >= alpha and patients are independent and identically
    distributed, P(p <= u) <= u for each u: given how many are accepted, the bad ones among them
    are binomial.

    Examples
    --------
    >>> binomial_p_value([0, 0, 1], [0, 22, 22], 0.1).round(3).tolist()
    [1.0, 0.098, 0.339]
    """
    accepted = np.asarray(accepted)
    return np.asarray(np.where(accepted > 0, binom.cdf(bad, accepted, tolerated_error), 1.0))


def hoeffding_bentkus_p_value(
    mean_loss: ArrayLike, patients: int, tolerated_error: float
) -> NDArray[np.float64]:
    """Return the Hoeffding-Bentkus p-values of mean losses in [0, 1].

    Parameters
    ----------
    mean_loss : array_like of float
        Mean loss of the patients, in [0, 1].
    patients : int
        Patients averaged over.
    tolerated_error : float
        alpha in (0, 1).

    Returns
    -------
    ndarray of float64
        The smaller of ``exp(-n h(min(mean, alpha), alpha))`` and
        ``e P(Bin(n, alpha) <= ceil(n mean))``; 1 without patients.

    Notes
    -----
    Guarantee: if the losses are independent with values in [0, 1] and an average expectation
    >= alpha, P(p <= u) <= u for each u. Far weaker than `betting_p_value` where many losses are
    alpha, as those of rejected patients are at the strict start of an accept sequence, which
    therefore does not offer it; stronger where nearly all patients are accepted.
    Source: Bates et al., Distribution-Free, Risk-Controlling Prediction Sets, JACM 68 (2021),
    Theorem 3; MAPIE's `compute_hoeffding_bentkus_p_value` is the same, rounding of n mean aside.

    Examples
    --------
    >>> hoeffding_bentkus_p_value([0.0, 0.05, 0.2], 100, 0.1).round(4).tolist()
    [0.0, 0.1565, 1.0]
    """
    mean = np.asarray(mean_loss, dtype=np.float64)
    low = np.minimum(mean, tolerated_error)
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.where(low > 0.0, low * np.log(low / tolerated_error), 0.0)
    second = (1.0 - low) * np.log((1.0 - low) / (1.0 - tolerated_error))
    hoeffding = np.exp(-patients * (first + second))
    # rounding must neither raise an exact count by one nor lower a sum
    total = patients * mean
    whole = np.where(np.abs(total - np.rint(total)) < ROUNDING, np.rint(total), np.ceil(total))
    bentkus = np.e * binom.cdf(whole, patients, tolerated_error)
    return np.asarray(np.minimum(hoeffding, np.minimum(bentkus, 1.0)))


def betting_p_value(losses: ArrayLike, tolerated_error: float) -> NDArray[np.float64]:
    """Return the betting p-values of losses in [0, 1]; the order of the patients is irrelevant.

    Parameters
    ----------
    losses : array_like of float, shape (patients, ...)
        Losses in [0, 1].
    tolerated_error : float
        alpha in (0, 1).

    Returns
    -------
    ndarray of float64, shape (...)
        1 / the capital of a gambler who bets a mixture of constant stakes against
        ``E[loss] >= alpha``; at most 1.

    Notes
    -----
    Guarantee: if the losses are independent with values in [0, 1] and an average expectation
    >= alpha, P(p <= u) <= u for each u (Markov's inequality): the expected capital at stake s is
    the product of ``1 + s (alpha - expectation)``, at most 1 as its geometric mean is at most its
    mean. So patients need not be identically distributed.
    Source: Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting,
    JRSS B 86 (2024), section 4; stakes are constant here, so that no order has to be chosen.

    Examples
    --------
    >>> betting_p_value(np.zeros((44, 2)), 0.1).round(3).tolist()
    [0.018, 0.018]
    """
    loss = np.asarray(losses, dtype=np.float64)
    # the largest stake that never goes broke, and its halves; the last weight makes the sum 1
    stakes = 2.0 ** -np.arange(STAKES) / (1.0 - tolerated_error)
    weights = 2.0 ** -np.minimum(np.arange(STAKES) + 1.0, STAKES - 1.0)
    with np.errstate(divide="ignore"):
        capital = np.stack(
            [np.log1p(np.maximum(s * (tolerated_error - loss), -1.0)).sum(axis=0) for s in stakes]
        )
    best = np.maximum(capital.max(axis=0), 0.0)
    mixture = np.tensordot(weights, np.exp(capital - best), axes=1)
    with np.errstate(divide="ignore"):  # a capital too small for a float has p-value 1
        return np.asarray(np.exp(np.minimum(-best - np.log(mixture), 0.0)))
