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
        return (
            f"Cannot certify that {_claim(certificate)} from {patients} calibration patients, so "
            f"every case is referred; {_outlook(certificate)}."
        )
    others = certificate.family_size - 1
    groups = "1 other group" if others == 1 else f"{others} other groups"
    together = f" (together with the promises of {groups})" if others else ""
    population = (
        "the population that the weights describe"
        if certificate.weighted
        else "the same population"
    )
    looks = f" {certificate.spent}" if certificate.looks == "many" else ""
    return (
        f"With {percent(certificate.confidence)} confidence in this calibration of {patients} "
        f"patients{together}, {_claim(certificate)}, among new patients of {population}. A single "
        f"batch may hold more.{looks}"
    )


def _claim(certificate: AcceptCertificate) -> str:
    who = (
        "patients"
        if certificate.cases == "first"
        else "cases, each counting 1 / (number of cases of its patient),"
    )
    group = "" if certificate.group is None else f" of group {certificate.group}"
    return (
        f"at most {percent(certificate.tolerated_error)} of accepted {who}{group} have Dice <= "
        f"{certificate.dice_threshold:g}"
    )


def _outlook(certificate: AcceptCertificate) -> str:
    needed = certificate.patients_needed
    if not certificate.plain_test:
        return "how many patients it takes is not computed for this test"
    if needed is None:
        return "more patients alone are not expected to change that"
    if certificate.patients == 0:
        return f"at least {needed} calibration patients are needed"
    kind = (
        "fresh calibration patients"
        if certificate.looks == "one"
        else f"calibration patients in all at look {certificate.look + 1}"
    )
    return f"about {needed} {kind} give an 80 % chance, if errors stay as seen here"
