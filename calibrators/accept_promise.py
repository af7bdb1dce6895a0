"""The promise of an accept certificate, in words for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segqc_conformal.calibrators.checks import percent

if TYPE_CHECKING:
    from segqc_conformal.calibrators.accept_certificate import AcceptCertificate

__all__ = ["accept_promise"]


def accept_promise(certificate: AcceptCertificate) -> str:
    """Say what a certificate promises, or that nothing can be certified and what it would take.

    Parameters
    ----------
    certificate : AcceptCertificate

    Returns
    -------
    str
        One or two sentences; with many looks also what is spent.

    Notes
    -----
    Guarantee: none by itself.
    """
    patients = certificate.patients
    if certificate.threshold is None:
        why = f" from {patients} calibration patients"
        if not patients:
            why = ": no patient is left to calibrate an accept threshold"
        return (
            f"Cannot certify that {_claim(certificate)}{why}, so every case is referred; "
            f"{_outlook(certificate)}."
        )
    others = certificate.family_size - 1
    groups = "1 other group" if others == 1 else f"{others} other groups"
    together = f" (together with the promises of {groups})" if others else ""
    looks = f" {certificate.spent}" if certificate.looks == "many" else ""
    return (
        f"With {percent(certificate.confidence)} confidence in this calibration of {patients} "
        f"patients{together}, {_claim(certificate)}, among new patients of "
        f"{_population(certificate)}. A single batch may hold more.{looks}"
    )


def _claim(certificate: AcceptCertificate) -> str:
    error, bad = percent(certificate.tolerated_error), f"Dice <= {certificate.dice_threshold:g}"
    group = "" if certificate.group is None else f" of group {certificate.group}"
    if certificate.mixture:
        names = ", ".join(certificate.mixture)
        group = f" of the mixture of {names} in the proportions of this calibration"
    if certificate.cases == "any":
        return f"at most {error} of patients{group} with any accepted case have one with {bad}"
    if certificate.cases == "mean":
        inside = " in these groups" if certificate.mixture else " in the group" if group else ""
        weight = f"each counting 1 / (number of cases of its patient{inside})"
        return f"at most {error} of accepted cases{group}, {weight}, have {bad}"
    return f"at most {error} of accepted patients{group} have {bad}"


def _population(certificate: AcceptCertificate) -> str:
    if certificate.mixture:
        return "that mixture; none of its groups alone is promised anything"
    if certificate.weighted:
        return "the population that the weights describe"
    return "the same population"


def _outlook(certificate: AcceptCertificate) -> str:
    needed, counted = certificate.patients_needed, certificate.test == "binomial"
    if certificate.patients == 0 and counted:
        return f"at least {needed} calibration patients are needed"
    if certificate.grid_is_empty:
        return "the grid holds no threshold, so nothing was tested"
    if not counted:
        return "how many patients it takes is not computed for this test"
    if needed is None:
        return "more patients alone are not expected to change that"
    kind = (
        "fresh calibration patients"
        if certificate.looks == "one"
        else f"calibration patients in all at look {certificate.look + 1}"
    )
    planned = "" if certificate.looks == "one" else ", had that size been fixed beforehand,"
    return f"about {needed} {kind}{planned} give an 80 % chance, if errors stay as seen here"
