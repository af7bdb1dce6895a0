"""How large the risk is: a confidence sequence that may be looked at after every audit."""

from __future__ import annotations

import json
from math import fsum
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaln

from segqc_conformal.errors import FileFormatError, InputError, on_one_line
from segqc_conformal.monitors.checked_audit import checked_loss

__all__ = ["RiskSequence", "risk_interval", "upper_risk"]

SCHEMA = "risk-sequence/1"
SIDES = ("two-sided", "lower", "upper")
BISECTIONS = 50


def upper_risk(loss: ArrayLike, audits: ArrayLike, delta: float) -> NDArray[np.float64]:
    """Return the upper end of the risk after every number of audits at once.

    Parameters
    ----------
    loss : array_like of float
        Sum S of the losses, in [0, audits]; for errors the number of bad cases.
    audits : array_like of int, same shape
        Number n of audits, >= 0.
    delta : float
        In (0, 1).

    Returns
    -------
    ndarray of float64
        In (0, 1]; 1 where the audits exclude nothing.

    Notes
    -----
    Guarantee: for losses in [0, 1] whose mean, given the earlier ones, may change at every audit,
    and any fixed bound b: P(at some n the end is <= b while the average of these means over the n
    audits exceeds b) <= delta. For a constant mean m: P(at some n the end is below m) <= delta.
    Proof: the end is <= m where the average over q, uniform in (0, m), of
    ``(q / m)^S ((1 - q) / (1 - m))^(n - S)`` is >= 1 / delta; it grows with m. Each q < m is
    ``exp(-t S) / (1 - m + m exp(-t))^n`` for a fixed t > 0, and by convexity in the loss and
    concavity in the mean at most a supermartingale of mean 1 wherever the average mean is >= m
    (Ville).
    Source: beta-binomial mixture of Robbins 1970, Howard, Ramdas, McAuliffe, Sekhon, Annals of
    Statistics 49 (2021), here cut off at m; Hoeffding 1963 for losses between 0 and 1.

    Examples
    --------
    >>> upper_risk([0, 0, 5, 50], [0, 50, 100, 1000], 0.05).round(3).tolist()
    [1.0, 0.086, 0.134, 0.073]
    """
    total, number = np.broadcast_arrays(
        np.asarray(loss, dtype=np.float64), np.asarray(audits, dtype=np.float64)
    )
    low, high = np.zeros(total.shape), np.ones(total.shape)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        excluded = _log_evidence(middle, total, number) >= -np.log(delta)
        high = np.where(excluded, middle, high)
        low = np.where(excluded, low, middle)
    return np.asarray(high)


def _log_evidence(
    m: NDArray[np.float64], total: NDArray[np.float64], number: NDArray[np.float64]
) -> NDArray[np.float64]:
    one, other = 1.0 + total, 1.0 + number - total
    with np.errstate(divide="ignore"):  # far below S / n the share of the mixture is 0
        share = np.log(betainc(one, other, m))
    return np.asarray(share + betaln(one, other) - one * np.log(m) - (other - 1.0) * np.log1p(-m))


def risk_interval(
    loss: ArrayLike, audits: ArrayLike, delta: float, side: str = "two-sided"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both ends of the risk; two-sided, each has half of `delta`.

    Notes
    -----
    Guarantee: that of `upper_risk`, which the lower end mirrors (1 - loss in place of loss).

    Examples
    --------
    >>> [end.round(3).tolist() for end in risk_interval([5, 50], [100, 1000], 0.05)]
    [[0.006, 0.027], [0.145, 0.075]]
    """
    loss, audits = np.asarray(loss, dtype=np.float64), np.asarray(audits)
    each = delta / 2 if side == "two-sided" else delta
    low = np.zeros(loss.shape) if side == "upper" else 1.0 - upper_risk(audits - loss, audits, each)
    high = np.ones(loss.shape) if side == "lower" else upper_risk(loss, audits, each)
    return low, high


class RiskSequence:
    """The risk since a moment, with an interval that may be looked at after every audit.

    Parameters
    ----------
    false_alarm : float
        Its own share d, in (0, 1), of what may go wrong; apart from that of any alarm.
    side : {"two-sided", "lower", "upper"}
        "upper" spends all of d on the upper end: what closes a WATCH as BENIGN.
    since_sequence : int, optional
        Only audits of cases with a larger sequence number in the log count. For BENIGN that of
        the last case before the alarm was known: audits of earlier cases would hide the change.

    Raises
    ------
    InputError
        For a share out of (0, 1) or an unknown side.

    Notes
    -----
    Guarantee: P(at some audit the upper end is <= b while the average risk of the audited cases
    since then exceeds b) <= d for any bound b fixed beforehand (d / 2 if two-sided), if cases are
    audited at one constant rate; so P(closed as BENIGN while the average risk since the alarm
    exceeds the bound) <= d. The risk may change at every case. Each `restart` spends d again.
    Source: see `upper_risk`.

    Examples
    --------
    >>> since = RiskSequence(false_alarm=0.05, side="upper", since_sequence=700)
    >>> for number in range(60):
    ...     since.update(False, f"c{number}", sequence=690 + number)
    >>> since.audits, since.left_out, round(since.interval[1], 3)
    (49, 11, 0.087)
    """

    def __init__(
        self,
        false_alarm: float = 0.05,
        side: str = "two-sided",
        since_sequence: int | None = None,
    ) -> None:
        if not (0.0 < false_alarm < 1.0 and side in SIDES):
            raise InputError(
                f"false_alarm in (0, 1) and a side of {list(SIDES)}",
                (false_alarm, side),
                'for example false_alarm=0.05, side="upper"',
            )
        self.false_alarm, self.side = float(false_alarm), side
        self.restart(since_sequence)

    def restart(self, since_sequence: int | None = None) -> None:
        """Forget all audits: what they say is not about the time after an alarm."""
        self.since_sequence = None if since_sequence is None else int(since_sequence)
        self.audits, self.loss, self.left_out = 0, 0.0, 0

    def update(
        self, loss: float, case_id: str, sequence: int | None = None, repeat: bool = False
    ) -> None:
        """Take one audit.

        Parameters
        ----------
        loss : float or bool
            In [0, 1]; for errors whether the case is bad.
        case_id : str
            Named in errors; not kept.
        sequence : int, optional
            The case's sequence number; needed with `since_sequence`.
        repeat : bool
            True for a further case of a patient seen before: it does not count.

        Raises
        ------
        InputError
            Naming the case: a loss that is missing or outside [0, 1], or no sequence number.
        """
        value = checked_loss(loss, case_id)
        if repeat:
            return
        if self.since_sequence is not None:
            if not isinstance(sequence, Integral):
                raise InputError(
                    "the sequence number of the case, as audits count from a moment on",
                    sequence,
                    "take it from the log",
                    case_id,
                )
            if sequence <= self.since_sequence:
                self.left_out += 1
                return
        self.audits += 1
        self.loss += value

    @classmethod
    def merged(cls, *sequences: RiskSequence) -> RiskSequence:
        """Return one sequence of the audits of all `sequences`, as shards counted them.

        Parameters
        ----------
        *sequences : RiskSequence
            Of different audits, with the same settings.

        Raises
        ------
        InputError
            For no sequence, and naming the setting that differs.

        Notes
        -----
        Guarantee: that of the class, at all merges together, with d spent once; shards whose own
        intervals are read as well spend theirs. The interval rests on sum and number alone, so a
        merged sequence is the one that would have read the audits one by one, and what holds after
        every audit holds at the merges. The order is that in which merges take audits in, so which
        audits a merge takes in must not depend on their losses, and each loss has its mean given
        the earlier ones in that order. Errors add up exactly, other losses to rounding.

        Examples
        --------
        >>> one, two = RiskSequence(), RiskSequence()
        >>> one.update(True, "c1")
        >>> two.update(False, "c2")
        >>> RiskSequence.merged(one, two).risk
        0.5
        """
        if not sequences:
            raise InputError("one sequence at least", "none", "give the shards' sequences")
        found = cls(sequences[0].false_alarm, sequences[0].side, sequences[0].since_sequence)
        for name in ("false_alarm", "side", "since_sequence"):
            values = [getattr(each, name) for each in sequences]
            if values != [values[0]] * len(values):
                raise InputError(
                    f"sequences with the same {name}",
                    values[:12],
                    "start the sequences of all shards with the same settings",
                )
        found.audits = sum(each.audits for each in sequences)
        found.loss = fsum(each.loss for each in sequences)
        found.left_out = sum(each.left_out for each in sequences)
        return found

    @property
    def risk(self) -> float | None:
        """Mean loss; None before the first audit."""
        return self.loss / self.audits if self.audits else None

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the risk, in [0, 1]."""
        low, high = risk_interval(self.loss, self.audits, self.false_alarm, self.side)
        return float(low), float(high)

    def to_json(self) -> str:
        """Return the whole state as JSON of fixed size."""
        return json.dumps({"schema": SCHEMA, **vars(self)}, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> RiskSequence:
        """Go on from `text`, as `to_json` wrote it.

        Raises
        ------
        FileFormatError
            If `text` is not the state of such a sequence.
        """
        try:
            state: dict[str, Any] = json.loads(text)
            if state["schema"] != SCHEMA:
                raise ValueError(f"schema {state['schema']}")
            found = cls(state["false_alarm"], state["side"], state["since_sequence"])
            found.audits, found.loss = int(state["audits"]), float(state["loss"])
            found.left_out = int(state["left_out"])
        except (ValueError, KeyError, TypeError) as error:
            raise FileFormatError(
                f"a state of schema {SCHEMA}", on_one_line(error), "start a new sequence"
            ) from error
        return found
