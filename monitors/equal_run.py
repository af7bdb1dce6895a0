"""A run of exactly equal values: how a column that freezes shows itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import inf, log, nan

__all__ = ["EqualRun", "unexplained_run"]

SHORTEST = 20
LEVEL = 1e-6


def unexplained_run(values: Sequence[float]) -> int | None:
    """Return how long a run of equal values must be for the ties among `values` not to explain it.

    Parameters
    ----------
    values : sequence of float, length ``cases``
        Calibration values; ``-inf`` is a value.

    Returns
    -------
    int or None
        The smallest r >= 20 with ``q ** r < 1e-6``, q being the largest share of equal values.
        None where all values are equal, or there are none: no run is then too long.

    Notes
    -----
    Guarantee: none; q is an estimate. Were it the true largest share of equal values, r
    independent values would all be one given value with a probability below 1e-6.

    Examples
    --------
    >>> unexplained_run([0.1, 0.2, 0.3]), unexplained_run([0.0] * 9 + [0.5]), unexplained_run([0.5])
    (20, 132, None)
    """
    if len(values) == 0:
        return None
    share = max(Counter(values).values()) / len(values)
    return None if share == 1.0 else max(SHORTEST, int(log(LEVEL) / log(share)) + 1)


class EqualRun:
    """The run of exactly equal values at the end of a stream.

    Parameters
    ----------
    unexplained : int or None
        Length from which on ties do not explain the run; None: no length does.

    Notes
    -----
    Guarantee: none; see `unexplained_run`.

    Examples
    --------
    >>> run = EqualRun(20)
    >>> for value in [0.3, *[0.4] * 21]:
    ...     run.add(value)
    >>> run.length, run.frozen
    (21, True)
    """

    __slots__ = ("_last", "length", "unexplained")

    def __init__(self, unexplained: int | None) -> None:
        self.unexplained = unexplained
        self._last, self.length = nan, 0  # NaN equals nothing

    def add(self, value: float) -> None:
        """Take the next value, finite or ``-inf``."""
        if value == self._last:
            self.length += 1
        else:
            self._last, self.length = value, 1

    @property
    def frozen(self) -> bool:
        """Whether the run is too long to be ties."""
        return self.unexplained is not None and self.length >= self.unexplained

    def state(self) -> list[float | None]:
        """Return everything needed to go on, as JSON values: no NaN and no infinity."""
        return [self.unexplained, self.length, self._last if self._last > -inf else None]

    @classmethod
    def from_state(cls, state: Sequence[float | None]) -> EqualRun:
        """Go on from `state`."""
        unexplained, length, last = state
        run = cls(None if unexplained is None else int(unexplained))
        run.length = int(length or 0)
        if run.length:
            run._last = -inf if last is None else last
        return run
