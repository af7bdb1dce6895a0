"""How much the population may shift before the promise of a certificate breaks."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from itertools import takewhile

from scipy.stats import beta

from segqc_conformal.calibrators.accept_certificate import AcceptCertificate
from segqc_conformal.calibrators.checks import check_open_unit, delta_of, percent
from segqc_conformal.calibrators.conformal_rank import interval_rank
from segqc_conformal.calibrators.interval_certificate import IntervalCertificate
from segqc_conformal.calibrators.worst_shift import tolerable_shift, usual_limit
from segqc_conformal.errors import InputError

__all__ = ["ShiftSensitivity", "accept_sensitivity", "interval_sensitivity"]


@dataclass(frozen=True)
class ShiftSensitivity:
    """How far a promise is from breaking.

    Parameters
    ----------
    promise : {"interval", "accept"}
    confidence : float or None
        1 - delta over the calibration draw, of `rate`; None: averaged over calibrations.
    rate : float
        Upper bound of the rate of failures while nothing shifts.
    share : float
        1 for the interval; share of the calibration patients that the threshold accepts.
    limit : float
        The rate that shall not be exceeded.

    Notes
    -----
    Guarantee: see `accept_sensitivity` and `interval_sensitivity`.
    """

    promise: str
    confidence: float | None
    rate: float
    share: float
    limit: float

    @property
    def shift(self) -> float:
        """Largest total variation distance that surely keeps the limit, over all patients."""
        return tolerable_shift(self.rate, self.limit, self.share)

    @property
    def shift_among(self) -> float:
        """The same among those the promise is about: all patients, or the accepted ones."""
        return tolerable_shift(self.rate, self.limit)

    @property
    def in_words(self) -> str:
        """What shift is survived, in words for a person."""
        accept = self.promise == "accept"
        who = "accepted patients are bad" if accept else "intervals miss"
        sure = "on average over calibrations"
        if self.confidence is not None:
            sure = f"with {percent(self.confidence)} confidence in this calibration"
        if accept:
            sure += ", for a limit and a shift that were named beforehand"
        now = f"While nothing shifts, at most {_at_most(self.rate)} of {who}"
        if self.shift_among <= 0.0:
            return f"{now}, {sure}; that leaves no room for a shift below {percent(self.limit)}."
        fate = "are accepted and bad" if accept else "have an interval that misses"
        seen = ""
        if accept:
            seen = (
                f" ({_no_more_than(self.shift_among)} of the accepted, who were "
                f"{_no_more_than(self.share)} of all in calibration)"
            )
        return (
            f"{now}. It stays at most {percent(self.limit)} as long as no more than "
            f"{_no_more_than(self.shift)} of new patients are of a kind that calibration never "
            f"saw, even if all of these {fate}{seen}: {sure}."
        )

    def to_json(self) -> str:
        """Return the numbers as JSON."""
        numbers = {**asdict(self), "shift": self.shift, "shift_among": self.shift_among}
        return json.dumps(numbers, sort_keys=True, allow_nan=False)


def _at_most(rate: float) -> str:
    return f"{math.ceil(round(1000.0 * rate, 6)) / 10.0:g}%"


def _no_more_than(shift: float) -> str:
    return f"{math.floor(round(1000.0 * shift, 6)) / 10.0:g}%"


def interval_sensitivity(
    certificate: IntervalCertificate, limit: float | None = None, confidence: float | None = None
) -> ShiftSensitivity:
    """Return how much shift an interval survives.

    Parameters
    ----------
    certificate : IntervalCertificate
    limit : float, optional
        Miscoverage that shall not be exceeded, in (0, 1), named before the calibration was seen;
        None: five points above the promised one.
    confidence : float, optional
        1 - delta in (0, 1), for a statement about this calibration; None: as the certificate, so
        a marginal one is averaged over calibrations.

    Returns
    -------
    ShiftSensitivity

    Raises
    ------
    InputError
        For intervals by group or with weights: their patients are not of one population.

    Notes
    -----
    Guarantee: marginal, P(miss) <= 1 - k / (n + 1) + shift over calibration draw and new patient,
    k the calibrated rank among n exchangeable patients; with confidence, P(miss given the
    calibration) <= u + shift with probability >= 1 - delta over the calibration draw, u the upper
    1 - delta quantile of Beta(n + 1 - k, k), for independent, identically distributed patients.
    Source: total variation, see `worst_rate`; Vovk (ACML 2012) for the Beta law.

    Examples
    --------
    >>> found = interval_sensitivity(IntervalCertificate(0.1, "two-sided", None, 99, 1.0))
    >>> round(found.rate, 3), round(found.shift, 3)
    (0.1, 0.05)
    """
    if certificate.groups is not None or certificate.weighted is not None:
        raise InputError(
            "an interval calibrated without groups and weights",
            "one with groups" if certificate.groups is not None else "one with weights",
            "calibrate each population by itself: no single shift describes several",
        )
    check_open_unit(limit=limit, confidence=confidence)
    confidence = confidence or certificate.confidence
    if certificate.quantile is None:
        rate = 0.0  # the interval is the whole support
    else:
        rate = _miscoverage(certificate, confidence)
    limit = usual_limit(certificate.miscoverage) if limit is None else limit
    return ShiftSensitivity("interval", confidence, rate, 1.0, limit)


def _miscoverage(certificate: IntervalCertificate, confidence: float | None) -> float:
    patients = certificate.patients
    rank = interval_rank(patients, certificate.miscoverage, certificate.confidence) or patients
    if confidence is None:
        return (patients + 1 - rank) / (patients + 1)
    return float(beta.isf(delta_of(confidence), patients + 1 - rank, rank))


def accept_sensitivity(
    certificate: AcceptCertificate, limit: float | None = None
) -> ShiftSensitivity | None:
    """Return how much shift an accept threshold survives.

    Parameters
    ----------
    certificate : AcceptCertificate
    limit : float, optional
        Share of bad masks among the accepted that shall not be exceeded, in (0, 1), named before
        the calibration was seen; None: five points above the tolerated error.

    Returns
    -------
    ShiftSensitivity or None
        None where nothing is accepted: nothing can go wrong.

    Raises
    ------
    InputError
        For weights and patient means: the share of all patients accepted is then not known.

    Notes
    -----
    The rate is the largest Clopper-Pearson bound over the thresholds that passed, at the delta of
    this look, which is never above the tolerated error. For other tests than one fixed sequence of
    binomial ones it is the tolerated error.
    Guarantee: for one limit and one shift among the accepted, both named beforehand: with
    probability >= 1 - delta over the calibration draw, `shift_among` is below that shift, or
    P(bad given accepted) <= limit in every population whose accepted patients are at most so far
    from those of calibration. (The sequence, run at limit - shift instead of alpha, reaches the
    certified threshold.) The largest such shift, read off afterwards, is a reading. `shift`
    applies it to all patients, at the accepted share seen; new patients show their own share
    without any label. Assumptions as in `AcceptThreshold`.
    Source: Clopper and Pearson, Biometrika 26 (1934); fixed sequence as in `AcceptThreshold`.

    Examples
    --------
    >>> import numpy as np
    >>> from segqc_conformal.calibrators.accept import AcceptThreshold
    >>> score = np.linspace(0, 1, 200)
    >>> certificate = AcceptThreshold().calibrate(score, 0.75 + 0.2 * score, grid=[0.7, 0.4])
    >>> found = accept_sensitivity(certificate)
    >>> round(found.rate, 3), found.share, round(found.shift, 3)
    (0.038, 0.6, 0.067)
    """
    check_open_unit(limit=limit)
    if certificate.weighted or certificate.cases == "mean":
        raise InputError(
            "an accept certificate that counts patients",
            "one with weights" if certificate.weighted else 'one with cases="mean"',
            'use tolerable_shift with its tolerated error, or calibrate with cases="first"',
        )
    if certificate.threshold is None:
        return None
    accepted = next(s.accepted for s in certificate.tests if s.threshold == certificate.threshold)
    return ShiftSensitivity(
        "accept",
        certificate.confidence,
        _error_bound(certificate),
        accepted / certificate.patients,
        usual_limit(certificate.tolerated_error) if limit is None else limit,
    )


def _error_bound(certificate: AcceptCertificate) -> float:
    how = (certificate.test, certificate.procedure, certificate.starts)
    if how != ("binomial", "fixed sequence", 1):
        return certificate.tolerated_error
    delta = certificate.delta or delta_of(certificate.confidence)
    # the largest, not that of the certified threshold, which was chosen by these same counts
    passed = takewhile(lambda step: step.p_value <= delta, certificate.tests)
    bounds = [float(beta.isf(delta, step.bad + 1, step.accepted - step.bad)) for step in passed]
    return min(certificate.tolerated_error, max(bounds))
