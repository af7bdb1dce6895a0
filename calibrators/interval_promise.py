"""The promise of an interval in words, for a person: one wording per kind of calibration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from segqc_conformal.calibrators.checks import percent
from segqc_conformal.calibrators.conformal_rank import interval_rank
from segqc_conformal.calibrators.groups import GroupQuantiles
from segqc_conformal.calibrators.support import support_in_words
from segqc_conformal.calibrators.weighted_quantile import WeightedQuantile

if TYPE_CHECKING:
    from segqc_conformal.calibrators.interval_certificate import IntervalCertificate

__all__ = ["claim_in_words", "interval_promise", "without_interval"]

LATER_LOOK = (
    "This is a further look, taken by itself: if its size, or keeping it, depended on what earlier "
    "looks showed, the average no longer holds."
)


def interval_promise(certificate: IntervalCertificate) -> str:
    """Return what holds for an interval certificate.

    Notes
    -----
    Guarantee: none by itself; `DiceInterval` says when the sentence is true.
    """
    if certificate.look > 1 and certificate.confidence is None:
        return f"{interval_promise(replace(certificate, look=1))} {LATER_LOOK}"
    if certificate.weighted is not None:
        return _weighted(certificate, certificate.weighted)
    if certificate.groups is not None:
        return _grouped(certificate, certificate.groups)
    if certificate.quantile is None:
        return _too_few(certificate)
    claim, alike = _claim(certificate), "accepted and referred cases"
    if certificate.confidence is None:
        return (
            f"For a new patient exchangeable with the {certificate.patients} calibration patients "
            f"the {claim} with probability at least {_share(certificate)}, averaged over "
            f"calibrations and over {alike} alike."
        )
    return (
        f"With {percent(certificate.confidence)} confidence in this calibration of "
        f"{certificate.patients} patients, the {claim} for at least {_share(certificate)} of new "
        f"patients of the same population, {alike} together."
    )


def _share(certificate: IntervalCertificate) -> str:
    return percent(1 - certificate.miscoverage)


def claim_in_words(side: str, measure: str) -> str:
    """Return what an interval of this side says, without its "the".

    Examples
    --------
    >>> claim_in_words("lower", "Dice")
    'true Dice is at least the lower end'
    """
    if side == "lower":
        return f"true {measure} is at least the lower end"
    if side == "upper":
        return f"true {measure} is at most the upper end"
    return f"interval contains the true {measure}"


def _claim(certificate: IntervalCertificate) -> str:
    return claim_in_words(certificate.side, certificate.measure)


def without_interval(certificate: IntervalCertificate) -> str:
    """Return why a certificate has no finite interval.

    Examples
    --------
    >>> from segqc_conformal.calibrators.interval_certificate import IntervalCertificate
    >>> without_interval(IntervalCertificate(0.1, "two-sided", None, 8, None))
    'Too few calibration patients (8) for an interval'
    """
    patients = certificate.patients
    if interval_rank(patients, certificate.miscoverage, certificate.confidence) is None:
        return f"Too few calibration patients ({patients}) for an interval"
    return f"No finite interval reaches the errors of the {patients} calibration patients"


def _whole(certificate: IntervalCertificate) -> str:
    return support_in_words(*certificate.support)


def _too_few(certificate: IntervalCertificate) -> str:
    return (
        f"{without_interval(certificate)} at {_share(certificate)}: every interval is "
        f"{_whole(certificate)}, which always holds and says nothing."
    )


def _grouped(certificate: IntervalCertificate, groups: GroupQuantiles) -> str:
    if not groups.patients:
        return _too_few(certificate)
    sentences = [_own_groups(certificate, groups)] if groups.quantiles else []
    if groups.other_quantiles:
        sentences.append(
            f"For a new patient of the small groups ({_counted(groups, groups.other_quantiles)}), "
            f"taken together, the {_claim(certificate)} with probability at least "
            f"{_share(certificate)}, from {groups.other_patients} calibration patients; for each "
            "of these groups alone nothing is promised."
        )
    too_small = f"{_counted(groups, groups.nothing)} and " if groups.nothing else ""
    return " ".join(
        [
            *sentences,
            f"Patients of {too_small}groups not seen get the interval {_whole(certificate)}, which "
            "always holds and says nothing, and are to be referred.",
        ]
    )


def _own_groups(certificate: IntervalCertificate, groups: GroupQuantiles) -> str:
    own = _counted(groups, groups.quantiles)
    if certificate.confidence is None:
        return (
            f"Within each group (calibration patients: {own}) the {_claim(certificate)} for a new "
            f"patient with probability at least {_share(certificate)}, averaged over calibrations "
            "and over accepted and referred cases alike."
        )
    return (
        f"With {percent(certificate.confidence)} confidence in this calibration, for each group "
        f"separately (calibration patients: {own}), the {_claim(certificate)} for at least "
        f"{_share(certificate)} of its new patients, accepted and referred cases together."
    )


def _counted(groups: GroupQuantiles, names: Iterable[str]) -> str:
    return ", ".join(f"{name} {groups.patients[name]}" for name in names)


def _weighted(certificate: IntervalCertificate, weighted: WeightedQuantile) -> str:
    about = (
        f"the {certificate.patients} calibration patients say as much as "
        f"{weighted.effective_patients:.0f} equally weighted ones, and a case whose own weight is "
        f"too large for them gets {_whole(certificate)}"
    )
    where = "averaged over calibrations and over accepted and referred cases alike"
    if weighted.weights_are == "known":
        return (
            f"For a new patient of the population that the known weights describe the "
            f"{_claim(certificate)} with probability at least {_share(certificate)}, {where}; "
            f"{about}."
        )
    approximate = (
        f"Approximate, because the weights were estimated: for a new patient the "
        f"{_claim(certificate)} with probability about {_share(certificate)}, {where}"
    )
    if weighted.odds is not None:
        return (
            f"{approximate}, if new masks are as good as masks with the same predicted "
            f"{certificate.measure} and scale were at calibration. No label of the new population "
            f"was seen and no error is bounded; {about}."
        )
    return (
        f"{approximate}. If the weights were made from other cases than these and the new ones, "
        "the loss is at most half their mean absolute error (scaled to mean 1), which is not "
        f"known; {about}."
    )
