"""How often the intervals of one calibration may miss although nothing has drifted."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import beta

from segqc_conformal.calibrators.checks import check_open_unit, delta_of
from segqc_conformal.calibrators.conformal_rank import interval_rank
from segqc_conformal.calibrators.interval_certificate import IntervalCertificate
from segqc_conformal.errors import InputError

__all__ = ["CoverageBound", "coverage_bound"]


@dataclass(frozen=True)
class CoverageBound:
    """Miscoverage that one calibration stays below, with a stated chance.

    Parameters
    ----------
    miscoverage : float
        alpha of the certificate.
    margin : float
        What is added for a calibration on few patients; 0 for a PAC interval.
    d_certificate : float
        Chance, over the calibration draw, that miscoverage exceeds alpha + margin.

    Notes
    -----
    Guarantee: see `coverage_bound`.
    """

    miscoverage: float
    margin: float
    d_certificate: float

    @property
    def bound(self) -> float:
        """Alpha + margin: what is tested."""
        return self.miscoverage + self.margin

    def in_words(self, d_monitor: float) -> str:
        """Return what a monitor of this bound promises.

        Examples
        --------
        >>> CoverageBound(0.1, 0.0, 0.1).in_words(0.05)
        'P(alarm without drift) <= 0.1 (certificate) + 0.05 (monitor); tested: miscoverage > 0.1'
        """
        return (
            f"P(alarm without drift) <= {self.d_certificate:g} (certificate) + {d_monitor:g} "
            f"(monitor); tested: miscoverage > {self.bound:.3g}"
        )


def coverage_bound(
    certificate: IntervalCertificate, d_certificate: float = 0.05, group: str | None = None
) -> CoverageBound:
    """Return the miscoverage that the calibration of a certificate stays below.

    Parameters
    ----------
    certificate : IntervalCertificate
        Marginal or PAC. Of a `QuantileIntervalCertificate` its ``correction``.
    d_certificate : float
        In (0, 1). A PAC interval brings its own, 1 - confidence.
    group : str, optional
        The group that is audited, of a certificate by groups.

    Raises
    ------
    InputError
        Where no such bound is known: weighted intervals, small groups taken together, intervals
        that are the whole support, other kinds of certificate.

    Notes
    -----
    Guarantee: for independent, identically distributed patients, with probability at least
    1 - d_certificate over the calibration draw, miscoverage of new patients is at most alpha +
    margin: for a marginal interval at rank k of n patients miscoverage is Beta(n + 1 - k, k), of
    which alpha + margin is the upper 1 - d_certificate quantile; ties only lower it.
    Source: Vovk, Conditional validity of inductive conformal predictors (ACML 2012), Prop. 2a.

    Examples
    --------
    >>> round(coverage_bound(IntervalCertificate(0.1, "two-sided", None, 80, 0.1)).margin, 4)
    0.0581
    >>> coverage_bound(IntervalCertificate(0.1, "two-sided", 0.9, 80, 0.1))
    CoverageBound(miscoverage=0.1, margin=0.0, d_certificate=0.1)
    """
    check_open_unit(d_certificate=d_certificate)
    patients = _patients(certificate, group)
    alpha, confidence = certificate.miscoverage, certificate.confidence
    if confidence is not None:
        return CoverageBound(alpha, 0.0, delta_of(confidence))
    rank = interval_rank(patients, alpha, None) or patients
    upper = float(beta.isf(d_certificate, patients + 1 - rank, rank))
    return CoverageBound(alpha, max(0.0, upper - alpha), d_certificate)


def _patients(certificate: IntervalCertificate, group: str | None) -> int:
    """Return the calibration patients of a quantile of which the coverage has a known law."""
    if not isinstance(certificate, IntervalCertificate):
        raise InputError(
            "an IntervalCertificate",
            type(certificate).__name__,
            "pass the `correction` of a QuantileIntervalCertificate; cross-conformal and other "
            "intervals have no known law of their coverage given the calibration",
        )
    if certificate.weighted is not None:
        raise InputError(
            "a certificate without weights",
            "a weighted one",
            "audit without alarm (RiskSequence): no law of its coverage is known",
        )
    groups = certificate.groups
    if (group is None) != (groups is None):
        raise InputError(
            "the group of a certificate by groups, and none for another",
            group,
            "make one watch per group: coverage_bound(certificate, group=...)",
        )
    if groups is None or group is None:
        own, patients = certificate.quantile, certificate.patients
    else:
        own, patients = groups.quantiles.get(group), groups.patients.get(group, 0)
    if own is None:
        raise InputError(
            "a finite interval from its own patients",
            f"{patients} patients" if group is None else f"{patients} patients of group {group}",
            "an interval that is the whole support never misses; small groups taken together "
            "promise nothing for each",
        )
    return patients
