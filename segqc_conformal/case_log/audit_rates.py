"""How often cases are audited: by their decision, alike at every site that shares a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from segqc_conformal.errors import InputError

__all__ = ["AuditRates", "RatesAt", "stratum_of"]

# of a calibration and a site
RatesAt = Callable[[str, str], "AuditRates"]


@dataclass(frozen=True)
class AuditRates:
    """Probabilities with which accepted and referred cases are audited.

    Parameters
    ----------
    accepted : float
        In (0, 1].
    referred : float, optional
        In (0, 1]; None: as accepted ones.

    Raises
    ------
    InputError
        For a rate out of range.

    Notes
    -----
    Guarantee: none (arithmetic).

    Examples
    --------
    >>> AuditRates(0.05, 0.2).of(accepted=False), AuditRates(0.05, 0.2).common
    (0.2, 0.05)
    >>> AuditRates(0.05).raised(0.25)
    AuditRates(accepted=0.25, referred=0.25)
    """

    accepted: float
    referred: float | None = None

    def __post_init__(self) -> None:
        """Check the rates."""
        if not all(0.0 < rate <= 1.0 for rate in (self.accepted, self.of(accepted=False))):
            raise InputError(
                "audit rates in (0, 1]",
                (self.accepted, self.referred),
                "for example 0.05 for one case in 20",
            )

    def of(self, accepted: bool) -> float:
        """Return the rate of a decision."""
        return self.accepted if accepted or self.referred is None else self.referred

    @property
    def common(self) -> float:
        """The rate at which a share of the audits is a random sample of all cases."""
        return min(self.accepted, self.of(accepted=False))

    def raised(self, rate: float) -> AuditRates:
        """Return rates of at least `rate`."""
        return AuditRates(max(self.accepted, rate), max(self.of(accepted=False), rate))


def stratum_of(accepted: bool, site: str) -> str:
    """Name the stratum of a case: its decision and its site.

    Examples
    --------
    >>> stratum_of(True, "A")
    'accepted/A'
    """
    return f"{'accepted' if accepted else 'referred'}/{site}"
