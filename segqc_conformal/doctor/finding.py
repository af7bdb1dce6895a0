"""What `segqc doctor` says: one thing that was looked at, and one thing that is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from segqc_conformal.errors import SegqcError

__all__ = ["Complaint", "Finding", "complaint_of", "listed"]

Level = Literal["ok", "warning", "problem"]

_NAMED = 5


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    level : {"ok", "warning", "problem"}
        A problem makes a later step fail, or its promises untrue; a warning may be intended.
    subject : str
        What was looked at.
    message : str
        What was found, and the remedy.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> Finding("ok", "python", "3.12.1").level
    'ok'
    """

    level: Level
    subject: str
    message: str


class Complaint(NamedTuple):
    """What a check has to say of one case: the same words of several cases are said once."""

    level: Level
    expected: str
    received: str
    remedy: str

    def about(self, subject: str, cases: Iterable[str] = ()) -> Finding:
        """Return the finding, naming the cases that show it where the subject does not.

        Examples
        --------
        >>> Complaint("warning", "a mask", "none", "add it").about("cases", ["c1", "c2"]).message
        'c1, c2: expected a mask; received none; remedy: add it'
        """
        names = listed(cases)
        where = f"{names}: " if names else ""
        said = f"expected {self.expected}; received {self.received}; remedy: {self.remedy}"
        return Finding(self.level, subject, where + said)


def complaint_of(error: SegqcError) -> Complaint:
    """Return what an error says, without the case that it names."""
    return Complaint("problem", error.expected, str(error.received), error.remedy)


def listed(names: Iterable[str]) -> str:
    """Return the first five names, and how many more there are.

    Examples
    --------
    >>> listed(["a", "b"]), listed("abcdefg")
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    names = list(names)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
