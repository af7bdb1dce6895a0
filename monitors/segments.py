"""Segments: the parts of a gate's cases about which it makes a promise of its own."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from segqc_conformal.calibrators.accept_certificate import AcceptCertificate
from segqc_conformal.calibrators.accept_groups import GroupedAcceptCertificate
from segqc_conformal.calibrators.groups import GroupQuantiles
from segqc_conformal.calibrators.interval_certificate import IntervalCertificate
from segqc_conformal.certificate import StructureCertificate
from segqc_conformal.errors import InputError
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.monitors.coverage_bound import CoverageBound, coverage_bound
from segqc_conformal.whole_case import WHOLE_CASE

__all__ = ["ALL", "OTHER", "Segment", "WatchedGate", "watched"]

ALL, OTHER = "all", "other"


@dataclass(frozen=True)
class Segment:
    """A part of the cases, and what is promised about it.

    Parameters
    ----------
    name : str
        "all"; or, of a gate that promises by site, a site or "other" for its small sites.
    sites : tuple of str or None
        None: every site.
    tolerated_error : float or None
        alpha of the accept promise; None: nothing is accepted.
    coverage : CoverageBound or None
        What miscoverage is tested against; None: no such bound is known.
    no_coverage, no_accept : str
        Why there is no such bound, or no accept promise to test, in words.
    untested : bool
        Whether there are intervals that could miss, and nothing about them that audits can test.

    Notes
    -----
    Guarantee: none by itself.
    """

    name: str
    sites: tuple[str, ...] | None
    tolerated_error: float | None
    coverage: CoverageBound | None
    no_coverage: str = ""
    no_accept: str = ""
    untested: bool = False


@dataclass(frozen=True, eq=False)
class WatchedGate:
    """What monitors need to know of a gate.

    Parameters
    ----------
    id : str
        Of the version.
    profile : DataFrame
        `CalibratedGate.profile`.
    segments : tuple of Segment
    dice_threshold : float
        A mask is bad if its Dice is <= this.

    Notes
    -----
    Guarantee: none by itself.
    """

    id: str
    profile: pd.DataFrame
    segments: tuple[Segment, ...]
    dice_threshold: float = 0.8

    def segment_of(self, site: str) -> Segment | None:
        """Return the segment of a site; None: nothing is promised there."""
        for segment in self.segments:
            if segment.sites is None or site in segment.sites:
                return segment
        return None


def watched(gate: CalibratedGate, d_certificate: float = 0.05) -> WatchedGate:
    """Return what monitors need of a gate: one segment, or one per site where it promises by site.

    Parameters
    ----------
    gate : CalibratedGate
    d_certificate : float
        As in `coverage_bound`, over all segments together.

    Notes
    -----
    Guarantee: none by itself. A promise about all sites together says nothing of one of them, so
    its monitors test it over all sites; only a gate calibrated by site is watched by site.
    """
    structures = gate.certificate.structures
    deciding = structures[WHOLE_CASE if WHOLE_CASE in structures else next(iter(structures))]
    settings = gate.certificate.settings
    if settings["groups"] == "site":
        by_name = _sites_by_segment(deciding)
        share = d_certificate / max(1, len(by_name))
        segments = tuple(
            _segment(name, sites, deciding, share) for name, sites in sorted(by_name.items())
        )
    else:
        segments = (_segment(ALL, None, deciding, d_certificate),)
    return WatchedGate(gate.id, gate.profile, segments, settings["dice_threshold"])


def _sites_by_segment(certificate: StructureCertificate) -> dict[str, tuple[str, ...]]:
    accept, interval = certificate.accept, certificate.interval
    own = set(accept.own) if isinstance(accept, GroupedAcceptCertificate) else set()
    groups = interval.groups if isinstance(interval, IntervalCertificate) else None
    if isinstance(groups, GroupQuantiles):
        own |= set(groups.quantiles)
    seen = accept.patients if isinstance(accept, GroupedAcceptCertificate) else {}
    small = tuple(site for site in seen if site not in own)
    return {**{site: (site,) for site in own}, **({OTHER: small} if small else {})}


def _segment(
    name: str, sites: tuple[str, ...] | None, certificate: StructureCertificate, share: float
) -> Segment:
    tolerated, no_accept = _tolerated_error(name, sites, certificate)
    interval = certificate.interval
    grouped = isinstance(interval, IntervalCertificate) and interval.groups is not None
    bound, no_coverage = None, ""
    try:
        bound = coverage_bound(interval, share, name if grouped else None)  # type: ignore[arg-type]
    except InputError as error:
        no_coverage = str(error)
    weighted = isinstance(interval, IntervalCertificate) and interval.weighted is not None
    untested = bound is None and tolerated is None and weighted
    return Segment(name, sites, tolerated, bound, no_coverage, no_accept, untested)


def _tolerated_error(
    name: str, sites: tuple[str, ...] | None, certificate: StructureCertificate
) -> tuple[float | None, str]:
    """Return alpha of the accept promise of a segment, or why there is none."""
    accept = certificate.accept
    found: AcceptCertificate | None
    if not isinstance(accept, GroupedAcceptCertificate):
        found = accept
    elif name == OTHER:
        found = accept.other if set(sites or ()) == set(accept.small) else None
    else:
        found = accept.own.get(name)
    if found is None:
        return None, "the promise of small sites is about all of them together"
    if not found.certified:
        return None, "nothing is accepted"
    return found.tolerated_error, ""
