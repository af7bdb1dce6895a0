"""Shares and numbers of patients as plans write them, on the terminal and on the page."""

from __future__ import annotations

__all__ = ["chance_in_words", "patients_in_words", "per_cent"]


def per_cent(share: float, digits: int = 3) -> str:
    """Write a share in per cent, with three digits unless told otherwise.

    Examples
    --------
    >>> per_cent(0.025)
    '2.5 %'
    """
    return f"{100.0 * share:.{digits}g} %"


def patients_in_words(patients: int | None) -> str:
    """Write a number of patients; None: no number would do.

    Examples
    --------
    >>> patients_in_words(98), patients_in_words(None)
    ('98', 'no number does')
    """
    return "no number does" if patients is None else str(patients)


def chance_in_words(chance: float) -> str:
    """Write a probability in per cent, never as 0 or 100 where it is neither.

    Examples
    --------
    >>> [chance_in_words(chance) for chance in (0.0, 5e-8, 0.034, 0.57, 0.9999, 1.0)]
    ['0 %', '< 0.1 %', '3.4 %', '57 %', '> 99 %', '100 %']
    """
    if 0.0 < chance < 0.001:
        return "< 0.1 %"
    if 0.99 < chance < 1.0:
        return "> 99 %"
    return f"{100.0 * chance:.0f} %" if chance >= 0.0995 or not chance else per_cent(chance, 2)
