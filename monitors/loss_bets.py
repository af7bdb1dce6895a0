"""Betting against "the mean loss is at most the bound": fixed stakes, mixed and restarted."""

from __future__ import annotations

from math import exp, expm1, inf, log, log1p, sqrt

__all__ = ["LossBets", "error_stakes", "log_sum", "shortfall_stakes", "weighted_stakes"]

MULTIPLES = (1.25, 1.5, 2.0, 3.0, 4.0)
HALVINGS = (1, 2, 3, 4, 5, 6)


def error_stakes(bound: float) -> tuple[float, ...]:
    """Return the stakes that win fastest where an error rate is a multiple of its bound.

    Parameters
    ----------
    bound : float
        alpha in (0, 1). Below 0.8 there is at least one stake.

    Notes
    -----
    Guarantee: none by itself. With stake s the bet ``1 + s (bad - alpha)`` is the likelihood ratio
    of the error rates m alpha and alpha, for m of 1.25, 1.5, 2, 3, 4 with m alpha < 1.

    Examples
    --------
    >>> [round(1 + stake * (1 - 0.1), 2) for stake in error_stakes(0.1)]
    [1.25, 1.5, 2.0, 3.0, 4.0]
    """
    return tuple(
        (multiple - 1.0) / (1.0 - bound) for multiple in MULTIPLES if multiple * bound < 1.0
    )


def weighted_stakes(bound: float, smallest_probability: float) -> tuple[float, ...]:
    """Return the stakes for losses that are weighted by 1 / the probability of their audit.

    A case audited with probability p carries ``1 / p`` or 0; which stakes win fastest depends on
    the p of the cases that do harm, so those for the smallest p, for 1 and half way are averaged.

    Examples
    --------
    >>> len(weighted_stakes(0.1, 0.05))
    15
    """
    return tuple(
        probability * stake * (1.0 - bound) / (1.0 - probability * bound)
        for probability in (smallest_probability, sqrt(smallest_probability), 1.0)
        for stake in error_stakes(bound)
    )


def shortfall_stakes(bound: float) -> tuple[float, ...]:
    """Return stakes for losses anywhere in [0, 1]: halves of the largest that never goes broke.

    Examples
    --------
    >>> shortfall_stakes(0.125)
    (4.0, 2.0, 1.0, 0.5, 0.25, 0.125)
    """
    return tuple(2.0**-halving / bound for halving in HALVINGS)


class LossBets:
    """The Shiryaev-Roberts statistic of bets ``1 + stake (loss - bound)``, averaged over stakes.

    Parameters
    ----------
    bound : float
        Largest mean loss that is tolerated, in (0, 1).
    stakes : tuple of float
        Each in (0, 1 / bound), fixed before the first loss.

    Attributes
    ----------
    log_evidence : float
        Log of R; -inf before the first loss.

    Notes
    -----
    Guarantee: let each loss be >= 0 with a mean, given all earlier ones, of at most `bound`
    (nothing else: no independence, no fixed law). Then each bet has a conditional mean of at most
    1, so that R, from ``R <- bet (1 + R)``, less the number of losses is a supermartingale, and
    P(R >= c within N losses) <= N / c (optional stopping at the first crossing). Kept as
    logarithms: nothing over- or underflows.
    Source: Shiryaev 1963, Roberts 1966; e-detectors of Shin, Ramdas, Rinaldo, arXiv:2203.03532.

    Examples
    --------
    >>> bets = LossBets(0.1, error_stakes(0.1))
    >>> for _ in range(8):
    ...     bets.update(1.0)
    >>> round(bets.log_evidence, 2)
    9.88
    """

    __slots__ = ("_bound", "_restarts", "_stakes", "log_evidence")

    def __init__(self, bound: float, stakes: tuple[float, ...]) -> None:
        self._bound, self._stakes = bound, stakes
        self._restarts = [0.0] * len(stakes)  # log(1 + R): finite at the start, where R = 0
        self.log_evidence = -inf

    def update(self, loss: float) -> None:
        """Bet on one loss >= 0."""
        excess, restarts = loss - self._bound, self._restarts
        for i, stake in enumerate(self._stakes):
            log_r = log1p(stake * excess) + restarts[i]
            restarts[i] = max(log_r, 0.0) + log1p(exp(-abs(log_r)))
        self._add_up()

    def _add_up(self) -> None:
        # from what is saved, so that a monitor that was read back goes on bit for bit
        logs = [_log_less_one(each) for each in self._restarts]
        self.log_evidence = log_sum(logs) - log(len(logs))

    def state(self) -> list[float]:
        """Return everything needed to go on, bit for bit."""
        return list(self._restarts)

    def copy_state(self, other: LossBets) -> None:
        """Go on as `other` does; both have the same bound and stakes."""
        self.load(other._restarts)

    def load(self, state: list[float]) -> None:
        """Go on from `state`.

        Raises
        ------
        ValueError
            If it is of bets with other stakes.
        """
        if len(state) != len(self._stakes):
            raise ValueError(f"{len(state)} bets instead of {len(self._stakes)}")
        self._restarts = [float(each) for each in state]
        self._add_up()


def log_sum(logs: list[float]) -> float:
    """Return the log of the sum of numbers given by their logs; -inf of none.

    Examples
    --------
    >>> round(log_sum([log(2.0), log(3.0)]) - log(5.0), 12), log_sum([])
    (0.0, -inf)
    """
    top = max(logs, default=-inf)
    if top == -inf:
        return -inf
    return top + log(sum([exp(each - top) for each in logs]))


def _log_less_one(log_value: float) -> float:
    """Return log(exp(log_value) - 1)."""
    if log_value == 0.0:
        return -inf
    return log(expm1(log_value)) if log_value < 1.0 else log_value + log1p(-exp(-log_value))
