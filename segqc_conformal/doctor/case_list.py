"""The case list: ids that are nearly equal, sites, and patients that the model knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from segqc_conformal.doctor.finding import Complaint, Finding, listed
from segqc_conformal.features.case_folders import FoundCases
from segqc_conformal.features.case_list import ListedCase

__all__ = ["lost_zeros", "nearly_one_patient", "one_site", "trained_on"]


def count_cases(cases: Sequence[ListedCase]) -> Finding:
    """Count cases, patients and sites."""
    patients = len({case.patient_id for case in cases})
    sites = len({case.site for case in cases})
    said = f"{len(cases)} cases of {patients} patients; sites: {sites}"
    return Finding("ok", "case list", said)


def lost_zeros(cases: Sequence[ListedCase], found: FoundCases) -> list[Finding]:
    """Find case ids that differ from a file name by leading zeros, capitals or blanks only.

    Examples
    --------
    >>> from pathlib import Path
    >>> found = FoundCases((), (Path("0012.nii.gz"),))
    >>> lost_zeros([ListedCase("12", "p1")], found)[0].message.split("; ")[1]
    'received 12 (file 0012)'
    """
    files = {path.name.split(".")[0] for path in found.unused}
    bare = {_bare(name): name for name in files}
    lost = [
        f"{case.case_id} (file {bare[_bare(case.case_id)]})"
        for case in cases
        if _bare(case.case_id) in bare and case.case_id not in files
    ]
    if not lost:
        return []
    return [
        Complaint(
            "problem",
            "case ids that are the file names",
            listed(lost),
            "write the ids as text: a spreadsheet drops leading zeros",
        ).about("case list")
    ]


def nearly_one_patient(cases: Sequence[ListedCase]) -> list[Finding]:
    """Find patient ids that differ by leading zeros, capitals or blanks only: one patient twice.

    Examples
    --------
    >>> nearly_one_patient([ListedCase("c1", "p7"), ListedCase("c2", "P7 ")])[0].subject
    'patient ids'
    """
    spellings: dict[str, set[str]] = defaultdict(set)
    for case in cases:
        spellings[_bare(case.patient_id)].add(case.patient_id)
    return [
        Complaint(
            "warning",
            "one id for each patient",
            " and ".join(repr(name) for name in sorted(names)),
            "give one patient one id: promises count patients",
        ).about("patient ids")
        for names in spellings.values()
        if len(names) > 1
    ]


def _bare(name: str) -> str:
    return name.strip().casefold().lstrip("0")


def one_site(cases: Sequence[ListedCase]) -> list[Finding]:
    """Find lists in which several patients all come from one named site.

    Examples
    --------
    >>> cases = [ListedCase(f"c{number}", f"p{number}", "A") for number in range(3)]
    >>> one_site(cases)[0].level
    'warning'
    """
    sites = {case.site for case in cases}
    if len({case.patient_id for case in cases}) < 2 or len(sites) > 1 or sites == {"unknown"}:
        return []
    return [
        Complaint(
            "warning",
            "patients of each site that will be judged",
            f"all of {listed(sites)}",
            "add patients of the other sites, or judge this site only: promises are about it",
        ).about("sites")
    ]


def trained_on(patients: Iterable[str], training: Iterable[str]) -> list[Finding]:
    """Find patients on whom the segmentation model was trained: on them it looks too good.

    Examples
    --------
    >>> trained_on(["p1", "p2"], ["p2", "p9"])[0].message.split(";")[1]
    ' received 1 of 2 that trained it: p2'
    """
    patients = sorted(set(patients))
    known = sorted(set(patients) & set(training))
    if not known:
        return []
    return [
        Complaint(
            "problem",
            "patients that did not train or tune the model",
            f"{len(known)} of {len(patients)} that trained it: {listed(known)}",
            "leave them out of the calibration: no promise holds with them",
        ).about("training")
    ]
