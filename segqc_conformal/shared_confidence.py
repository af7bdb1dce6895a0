"""How the promises of one calibration share their error probability: one rule for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segqc_conformal.calibrators.looks import confidence_of_each, confidence_of_look

if TYPE_CHECKING:
    from segqc_conformal.quality_gate import QualityGate

__all__ = ["accept_confidence", "accept_level", "interval_level"]


def accept_confidence(settings: QualityGate, structures: int) -> float:
    """Return the confidence of a structure's accept promises, over all its groups and looks.

    Parameters
    ----------
    settings : QualityGate
    structures : int
        Structures, subsets and the whole case together, >= 1.

    Notes
    -----
    Guarantee: union bound, with ``family="all"``; else each promise has `settings.confidence`.
    """
    return _of_each(settings, settings.confidence, structures)


def accept_level(settings: QualityGate, structures: int, groups: int, look: int = 1) -> float:
    """Return the confidence at which one accept threshold is tested in one look.

    `groups` counts the small ones together, "other", as one; 1 without groups.
    """
    of_look = confidence_of_look(accept_confidence(settings, structures), settings.looks, look)
    return _of_each(settings, of_look, groups)


def interval_level(
    settings: QualityGate, structures: int, groups: int, look: int = 1
) -> float | None:
    """Return the confidence of one PAC interval in one look; None: the interval is marginal.

    `groups` counts those that have intervals of their own; 1 without groups. "other" has none.
    """
    if settings.interval_confidence is None:
        return None
    each = _of_each(settings, settings.interval_confidence, structures * groups)
    return confidence_of_look(each, settings.looks, look)


def _of_each(settings: QualityGate, confidence: float, promises: int) -> float:
    return confidence_of_each(confidence, promises) if settings.family == "all" else confidence
