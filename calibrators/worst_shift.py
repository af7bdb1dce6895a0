"""What a shift of the population can do to a rate of failures, at worst."""

from __future__ import annotations

from segqc_conformal.errors import InputError

__all__ = ["tolerable_shift", "usual_limit", "worst_rate"]

MORE = 0.05


def worst_rate(rate: float, shift: float, share: float = 1.0) -> float:
    """Return the largest rate of failures that a shifted population can have.

    Parameters
    ----------
    rate : float
        Rate of failures in the calibration population, in [0, 1]: of missed intervals, or of bad
        masks among the accepted patients.
    shift : float
        Total variation distance between calibration and new population, in [0, 1].
    share : float, default 1
        Share of the calibration population that `rate` speaks of, in (0, 1]: 1 for the interval,
        the accepted share for the accept promise.

    Returns
    -------
    float
        ``min(1, rate + shift / share)``.

    Notes
    -----
    A shift of 0.02 is, at worst: of 100 new patients two whose mask would have been accepted and
    good have a mask that is accepted and bad. A share 0.02 of newcomers of any kind, however bad,
    among patients as before is a shift of at most 0.02.
    Guarantee: no population within the distance fails more often, and one fails as often. With
    acceptance a and failures b = rate a, the new rate is b' / a' where b' <= b + shift; moving
    mass from accepted and good to accepted and bad leaves a' = a, and both bringing failures in
    from the referred, (b + shift) / (a + shift), and referring good ones, b / (a - shift), give
    less.

    Examples
    --------
    >>> round(worst_rate(0.1, 0.02), 3), round(worst_rate(0.1, 0.02, share=0.5), 3)
    (0.12, 0.14)
    """
    _check(rate=rate, shift=shift, share=share)
    return min(1.0, rate + shift / share)


def tolerable_shift(rate: float, limit: float, share: float = 1.0) -> float:
    """Return the largest shift under which the rate of failures surely stays at most `limit`.

    Parameters
    ----------
    rate, share : float
        As in `worst_rate`.
    limit : float
        In [0, 1].

    Returns
    -------
    float
        Total variation distance; 0 where `rate` is above the limit already, 1 where the limit is
        1: nothing can break it.

    Notes
    -----
    Guarantee: the inverse of `worst_rate`; a larger shift can bring the rate above the limit.

    Examples
    --------
    >>> round(tolerable_shift(0.1, 0.15), 3), round(tolerable_shift(0.1, 0.15, share=0.5), 4)
    (0.05, 0.025)
    """
    _check(rate=rate, limit=limit, share=share)
    return 1.0 if limit == 1.0 else max(0.0, share * (limit - rate))


def usual_limit(promised: float) -> float:
    """Return the rate that is called too high where no limit is named.

    Five points above the promised rate, or half way to 1 if that is nearer.

    Examples
    --------
    >>> usual_limit(0.1), usual_limit(0.96)
    (0.15, 0.98)
    """
    return round(min(promised + MORE, (promised + 1.0) / 2.0), 9)


def _check(share: float, **shares: float) -> None:
    for name, value in {"share": share, **shares}.items():
        if not 0.0 <= value <= 1.0 or (name == "share" and value == 0.0):
            wanted = "in (0, 1]" if name == "share" else "in [0, 1]"
            raise InputError(f"{name} {wanted}", value, "give a share, not a percentage")
