"""How much of delta a calibration spends: looks, and promises that hold together."""

from __future__ import annotations

import math

from segqc_conformal.calibrators.checks import delta_of, percent
from segqc_conformal.errors import InputError

__all__ = [
    "LOOKS",
    "confidence_of_each",
    "confidence_of_look",
    "delta_of_look",
    "delta_up_to_look",
    "look_in_words",
]

LOOKS = ("one", "many")


def delta_of_look(confidence: float, looks: str = "one", look: int = 1) -> float:
    """Return the share of delta that one look at calibration labels spends.

    Parameters
    ----------
    confidence : float
        1 - delta in (0, 1), of all looks together.
    looks : {"one", "many"}
        "one": the first look spends all of delta, so a later calibration needs fresh patients
        only, and is then a first look of its own. "many": declared before the first look; look k
        spends ``delta / (k (k + 1))`` and may count earlier patients again.
    look : int, default 1
        Number of this look, 1 for the first.

    Returns
    -------
    float
        The delta at which this look tests.

    Raises
    ------
    InputError
        For a second look that was not declared beforehand.

    Notes
    -----
    Guarantee: the looks together spend at most delta (union bound; the sum over k of
    ``1 / (k (k + 1))`` is 1), if the size of each look is fixed beforehand, or by a calendar, and
    not by labels seen: sizes that follow what earlier looks showed have no proof.
    Looking again without it is peeking: looks at 60, 80, ..., 1000
    patients violate a promise of .05 in about .20 of studies.

    Examples
    --------
    >>> [round(delta_of_look(0.9, "many", k), 4) for k in (1, 2, 3)], delta_of_look(0.9)
    ([0.05, 0.0167, 0.0083], 0.1)
    """
    if looks not in LOOKS:
        raise InputError('looks "one" or "many"', looks, 'say "many" only before the first look')
    if look < 1 or look != int(look):
        raise InputError("look 1, 2, 3, ...", look, "count the looks from 1")
    if looks == "one" and look > 1:
        raise InputError(
            'look 1 where looks="one"',
            look,
            "calibrate fresh patients alone (a first look of its own), or declare "
            'looks="many" before the first look',
        )
    delta = delta_of(confidence)
    return delta if looks == "one" else delta / (look * (look + 1))


def delta_up_to_look(confidence: float, looks: str = "one", look: int = 1) -> float:
    """Return what this look and the earlier ones spent of delta together.

    Examples
    --------
    >>> [round(delta_up_to_look(0.9, "many", k), 4) for k in (1, 2, 3)]
    [0.05, 0.0667, 0.075]
    """
    return sum(delta_of_look(confidence, looks, k) for k in range(1, look + 1))


def confidence_of_look(confidence: float, looks: str = "one", look: int = 1) -> float:
    """Return the confidence that this look's test alone runs at, to plan with.

    Examples
    --------
    >>> confidence_of_look(0.9), confidence_of_look(0.9, "many"), confidence_of_look(0.9, "many", 4)
    (0.9, 0.95, 0.995)
    """
    return 1.0 - delta_of_look(confidence, looks, look)


def confidence_of_each(confidence: float, promises: int) -> float:
    """Return the confidence of each of several promises, so that all hold together.

    Parameters
    ----------
    confidence : float
        1 - delta in (0, 1), of all promises together.
    promises : int
        How many there are, >= 1.

    Returns
    -------
    float
        1 - delta / promises, the share of delta cut to three digits so that it reads well.

    Notes
    -----
    Guarantee: union bound; the shares never add up to more than delta.

    Examples
    --------
    >>> confidence_of_each(0.9, 1), confidence_of_each(0.9, 3)
    (0.9, 0.9667)
    """
    if promises == 1:
        return confidence
    share = delta_of(confidence) / promises
    digits = 2 - math.floor(math.log10(share))
    cut = math.floor(share * 10**digits) / 10**digits
    return float(round(1.0 - cut, digits))


def look_in_words(confidence: float, looks: str = "one", look: int = 1) -> str:
    """Say what this look spends of the allowed error probability.

    Examples
    --------
    >>> print(look_in_words(0.9, "many", 1))
    Look 1 spends 5% of the 10% error probability that all looks share; 5% is spent so far.
    """
    allowed = percent(delta_of(confidence))
    if looks == "one":
        return (
            f"This calibration spends all of the {allowed} error probability: a later one needs "
            "fresh patients only."
        )
    now, so_far = (
        percent(round(spent(confidence, looks, look), 6))
        for spent in (delta_of_look, delta_up_to_look)
    )
    return (
        f"Look {look} spends {now} of the {allowed} error probability that all looks share; "
        f"{so_far} is spent so far."
    )
