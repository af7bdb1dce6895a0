"""A strip: where one value lies among many, drawn as a small picture that needs no script."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["strip"]

WIDTH, HEIGHT, EDGE = 300, 30, 8
TICKS = 60  # quantiles drawn of the many


def strip(values: ArrayLike, value: float, description: str) -> str:
    """Draw a value as a mark above the ticks of many others.

    Parameters
    ----------
    values : array_like of float
        The many; at most 60 of their quantiles are drawn, infinite and missing ones are not.
    value : float
        The one; without a mark where it is not finite.
    description : str
        Read aloud to those who cannot see it.

    Returns
    -------
    str
        SVG, to stand in a page.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> strip([1.0, 2.0, 3.0], 5.0, "five among three").count("<line")
    3
    """
    finite = np.asarray(values, dtype=np.float64)
    finite = np.sort(finite[np.isfinite(finite)])
    if len(finite) > TICKS:
        finite = np.quantile(finite, np.linspace(0.0, 1.0, TICKS))
    shown = [*finite, *([value] if np.isfinite(value) else [])]
    low, high = (min(shown), max(shown)) if shown else (0.0, 1.0)

    def place(number: float) -> float:
        share = (number - low) / (high - low) if high > low else 0.5
        return EDGE + share * (WIDTH - 2 * EDGE)

    ticks = "".join(
        f'<line x1="{place(each):.1f}" x2="{place(each):.1f}" y1="12" y2="26"/>' for each in finite
    )
    mark = ""
    if np.isfinite(value):
        at = place(value)
        mark = f'<path d="M{at - 6:.1f} 1h12L{at:.1f} 12z"/><circle cx="{at:.1f}" cy="19" r="4"/>'
    return (
        f'<svg class="strip" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(description)}">{ticks}{mark}</svg>'
    )
