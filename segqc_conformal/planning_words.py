"""Shares and numbers of patients as plans write them, on the terminal and on the page."""

from __future__ import annotations

__all__ = ["patients_in_words", "per_cent"]


def per_cent(share: float) -> str:
    """Write a share in per cent, with three digits.

    Examples
    --------
    >>> per_cent(0.025)
    '2.5 %'
    """
    return f"{100.0 * share:.3g} %"


def patients_in_words(patients: int | None) -> str:
    """Write a number of patients; None: no number would do.

    Examples
    --------
    >>> patients_in_words(98), patients_in_words(None)
    ('98', 'no number does')
    """
    return "no number does" if patients is None else str(patients)
