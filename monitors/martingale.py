"""Betting against the uniformity of p-values: simple jumpers, mixed and restarted."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, inf, log, log1p
from typing import Any

__all__ = ["JUMP_RATES", "JumperMixture"]

JUMP_RATES = (1e-3, 1e-2)


class JumperMixture:
    """The wealth of a mixture of simple jumpers, and its Shiryaev-Roberts statistic.

    Each jumper bets ``1 + e (p - 1/2)`` with e in {-1, 0, 1} and changes e at its own rate.

    Parameters
    ----------
    horizon : int
        Cases N over which the false alarm is bounded, >= 1.

    Attributes
    ----------
    log_wealth : float
        Log of the mixed wealth M; 0 at the start.
    log_evidence : float
        Log of ``(R / N + M) / 2``; R is the mean of the jumpers' Shiryaev-Roberts statistics.

    Notes
    -----
    Guarantee: for independent uniform p-values M is a martingale of mean 1 and R minus the number
    of p-values one of mean 0, so P(max over N p-values of (R / N + M) / 2 >= 1/d) <= d (Doob).
    Everything is kept as a logarithm: nothing over- or underflows.
    Source: Vovk et al., arXiv:2102.10439 (jumper); Shiryaev 1963, Roberts 1966.

    Examples
    --------
    >>> bets = JumperMixture(horizon=1000)
    >>> for _ in range(60):
    ...     bets.update(0.02)
    >>> round(bets.log_evidence, 2)
    21.54
    """

    __slots__ = (
        "_down",
        "_log_horizon",
        "_log_restart",
        "_log_wealths",
        "_stay",
        "_up",
        "log_evidence",
        "log_wealth",
    )

    def __init__(self, horizon: int) -> None:
        self._log_horizon = log(horizon)
        # Shares of a jumper's wealth that bet on low, on no and on high p-values.
        self._down, self._stay, self._up = ([1 / 3] * len(JUMP_RATES) for _ in range(3))
        self._log_wealths = [0.0] * len(JUMP_RATES)
        self._log_restart = [0.0] * len(JUMP_RATES)  # log(1 + R): finite at the start, where R = 0
        self.log_wealth = 0.0
        self.log_evidence = log(0.5)

    def update(self, p: float, shrink: float = 0.0) -> None:
        """Bet on one p-value in (0, 1).

        Parameters
        ----------
        p : float
        shrink : float
            Taken off what either bet pays, in [0, 1/2): the bets are then fair or worse for every
            p-value whose mean lies within `shrink` of 1/2, and M and R only supermartingales.
        """
        down, stay, up = self._down, self._stay, self._up
        wealths, restart = self._log_wealths, self._log_restart
        restarted = []
        for i, rate in enumerate(JUMP_RATES):
            keep, share = 1.0 - rate, rate / 3.0
            low = (keep * down[i] + share) * (1.5 - p - shrink)
            none = keep * stay[i] + share
            high = (keep * up[i] + share) * (0.5 + p - shrink)
            step = low + none + high
            down[i], stay[i], up[i] = low / step, none / step, high / step
            log_step = log(step)
            wealths[i] += log_step
            log_r = log_step + restart[i]  # R <- step (1 + R)
            restart[i] = max(log_r, 0.0) + log1p(exp(-abs(log_r)))
            restarted.append(log_r)
        self.log_wealth = _log_mean(wealths)
        log_restarted = _log_mean(restarted) - self._log_horizon
        self.log_evidence = _log_mean((self.log_wealth, log_restarted))

    def state(self) -> dict[str, Any]:
        """Return everything needed to go on, bit for bit, as JSON values of fixed size."""
        return {
            "down": self._down,
            "stay": self._stay,
            "up": self._up,
            "log_wealths": self._log_wealths,
            "log_restart": self._log_restart,
            "log_wealth": self.log_wealth,
            "log_evidence": self.log_evidence,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], horizon: int) -> JumperMixture:
        """Go on from `state`."""
        bets = cls(horizon)
        bets._down, bets._stay, bets._up = (list(state[name]) for name in ("down", "stay", "up"))
        bets._log_wealths = list(state["log_wealths"])
        bets._log_restart = list(state["log_restart"])
        bets.log_wealth, bets.log_evidence = state["log_wealth"], state["log_evidence"]
        return bets


def _log_mean(logs: list[float] | tuple[float, ...]) -> float:
    """Return the log of the mean of numbers given by their logs."""
    top = max(logs)
    if top == -inf:
        return -inf
    return top + log(sum([exp(each - top) for each in logs]) / len(logs))
