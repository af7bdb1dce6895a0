"""The demo's cohort: cases made from a seed, with no download and no stored volume."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

from segqc_conformal.case import Case
from segqc_conformal.demo.acquisition import SCANNERS, acquire, draw_fault
from segqc_conformal.demo.anatomy import STRUCTURES, draw_anatomy
from segqc_conformal.demo.geometry import SPACING_MM
from segqc_conformal.errors import InputError
from segqc_conformal.patients import stable_hash

__all__ = ["SITES", "STRUCTURES", "cohort", "generate_case", "training_case"]

SITES = ("north", "south", "east")
_SITE_SHARES = (0.45, 0.35, 0.20)
_FIRST_DAY = datetime(2026, 1, 5, 8, tzinfo=UTC)
_BETWEEN_PATIENTS = timedelta(hours=12)
_RETURN_AFTER = 20
ScannerAge = Literal["original", "replaced"]


def generate_case(
    seed: int,
    index: int,
    *,
    scanner: ScannerAge = "original",
    visit: int = 1,
    replaced_sites: Collection[str] = SITES,
) -> Case:
    """Generate one case of the demo's cohort.

    Parameters
    ----------
    seed : int
        Of the cohort.
    index : int
        Which patient of the cohort, >= 0.
    scanner : {"original", "replaced"}
        "replaced": imaged after the scanner change, where the patient's site has had it.
    visit : int
        1 for the first visit. Visits share the anatomy; noise, bias field and faults are new.
    replaced_sites : collection of str
        Sites that changed their scanner.

    Returns
    -------
    Case
        Image, reference mask, spacing, site, patient and time; no deployed mask.

    Raises
    ------
    InputError
        If `index`, `visit`, `scanner` or a site is not one of those described.

    Notes
    -----
    Guarantee: a pure function of its arguments, bit for bit on one machine and set of library
    versions; no argument gives a volume the demo's models were trained on (`training_case`).

    Examples
    --------
    >>> case = generate_case(0, 3)
    >>> case.case_id, case.image.shape, sorted(np.unique(case.reference).tolist())
    ('s0-p00003-v1', (28, 40, 28), [0, 1, 2])
    """
    if index < 0 or visit < 1:
        raise InputError("index >= 0 and visit >= 1", (index, visit), "count patients from 0")
    if scanner not in ("original", "replaced") or not set(replaced_sites) <= set(SITES):
        raise InputError(
            f"scanner 'original' or 'replaced' and sites among {SITES}",
            (scanner, tuple(replaced_sites)),
            "correct the names",
        )
    return _simulate("demo", seed, index, visit, scanner, replaced_sites, severity_scale=1.15)


def cohort(
    seed: int,
    patients: int,
    *,
    first: int = 0,
    scanner: ScannerAge = "original",
    repeat_visit_share: float = 0.1,
    replaced_sites: Collection[str] = SITES,
) -> Iterator[Case]:
    """Generate a cohort in order of time, one case at a time.

    Parameters
    ----------
    seed : int
        Of the cohort.
    patients : int
        How many patients.
    first : int
        Index of the first one: cohorts of one seed with disjoint ranges share no patient.
    scanner : {"original", "replaced"}
        As for `generate_case`.
    repeat_visit_share : float
        Share of patients who come back ten days later, in [0, 1]. Who leaves the range before
        (the last 20 patients) does not: a later range holds only patients of its own.
    replaced_sites : collection of str
        Sites that changed their scanner.

    Yields
    ------
    Case
        Times increase strictly, also from one range to the next.

    Notes
    -----
    Guarantee: first visits are independent and identically distributed for one `scanner`, so the
    promises of the calibrators apply; a repeat visit is a second case of the same patient.

    Examples
    --------
    >>> [case.case_id for case in cohort(0, 3, first=7)]
    ['s0-p00007-v1', 's0-p00008-v1', 's0-p00009-v1']
    """
    for index in range(first, first + patients):
        yield generate_case(seed, index, scanner=scanner, replaced_sites=replaced_sites)
        earlier = index - _RETURN_AFTER
        if earlier >= first and _comes_back(seed, earlier, repeat_visit_share):
            yield generate_case(
                seed, earlier, scanner=scanner, visit=2, replaced_sites=replaced_sites
            )


def training_case(seed: int, index: int) -> Case:
    """Generate one case for training the demo's models: original scanner, mild faults only.

    Notes
    -----
    Guarantee: disjoint from every case of `generate_case`, whatever its seed: the random streams
    start from a hash of another namespace.

    Examples
    --------
    >>> bool((training_case(0, 3).image == generate_case(0, 3).image).any())
    False
    """
    return _simulate("training", seed, index, 1, "original", (), severity_scale=0.3)


def _stream(namespace: str, seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng(stable_hash(seed, f"segqc {namespace} {name}"))


def _comes_back(seed: int, index: int, share: float) -> bool:
    return bool(_stream("demo", seed, f"p{index} return").random() < share)


def _simulate(
    namespace: str,
    seed: int,
    index: int,
    visit: int,
    scanner: ScannerAge,
    replaced_sites: Collection[str],
    severity_scale: float,
) -> Case:
    patient = _stream(namespace, seed, f"p{index} anatomy")
    site = str(patient.choice(SITES, p=_SITE_SHARES))
    anatomy = draw_anatomy(patient, severity_scale)
    scan = _stream(namespace, seed, f"p{index} scan {visit}")
    fault = draw_fault(scan, severity_scale)
    age = scanner if site in replaced_sites else "original"
    image, reference = acquire(anatomy, SCANNERS[site, age], fault, scan)
    slot = index + _RETURN_AFTER * (visit - 1)
    since = _BETWEEN_PATIENTS * slot + (_BETWEEN_PATIENTS / 2 if visit > 1 else timedelta())
    name = f"s{seed}-p{index:05d}"
    return Case(
        image,
        case_id=f"{name}-v{visit}",
        patient_id=name,
        site=site,
        reference=reference,
        spacing_mm=SPACING_MM,
        time=_FIRST_DAY + since,
    )
