"""The patient is the exchangeable unit: the rules that count patients, in one place."""

from __future__ import annotations

import hashlib
import re

import pandas as pd

__all__ = [
    "first_case_of_each_patient",
    "pseudonym",
    "split_patients",
    "stable_hash",
    "under_pseudonym",
]

UNDER_PSEUDONYM = re.compile("pseudonym:([0-9a-f]{16})")


def stable_hash(seed: int, name: str) -> int:
    """Return a 64-bit hash of `seed` and `name` that is the same on every machine.

    Examples
    --------
    >>> stable_hash(0, "p1") == stable_hash(0, "p1"), stable_hash(0, "p1") == stable_hash(1, "p1")
    (True, False)
    """
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def first_case_of_each_patient(cases: pd.DataFrame, seed: int = 0) -> list[str]:
    """Choose the one case by which each patient counts.

    Parameters
    ----------
    cases : DataFrame
        Columns ``case_id``, ``patient_id`` and, optionally, ``time``; rows of one case may repeat.
    seed : int
        Seed of the hash that breaks ties.

    Returns
    -------
    list of str, sorted
        One ``case_id`` per patient: the first by ``time``; where times tie or are missing, the
        case with the smallest hash of seed and case id. A known time comes before a missing one.

    Notes
    -----
    Guarantee: none by itself; it is what makes "n patients" true in the promises of the
    calibrators, which assume one exchangeable draw per patient.

    Examples
    --------
    >>> t = pd.DataFrame({"case_id": ["b", "a", "c"], "patient_id": ["p", "p", "q"],
    ...                   "time": pd.to_datetime(["2026-01-02", "2026-01-01", None])})
    >>> first_case_of_each_patient(t)
    ['a', 'c']
    """
    unique = cases.drop_duplicates("case_id")
    order = pd.DataFrame({"case_id": unique["case_id"], "patient_id": unique["patient_id"]})
    order["time"] = pd.to_datetime(unique["time"], utc=True) if "time" in unique else pd.NaT
    order["hash"] = [stable_hash(seed, case_id) for case_id in order["case_id"]]
    order = order.sort_values(["patient_id", "time", "hash"], na_position="last")
    first = order.drop_duplicates("patient_id")["case_id"]
    return sorted(map(str, first))


def pseudonym(patient: str) -> str:
    """Return what certificates keep of a patient id: 16 hex digits of its SHA-256.

    Examples
    --------
    >>> pseudonym("p9"), pseudonym(under_pseudonym("26148c43a19c95f0"))
    ('26148c43a19c95f0', '26148c43a19c95f0')
    """
    known = UNDER_PSEUDONYM.fullmatch(patient)
    return known[1] if known else hashlib.sha256(patient.encode()).hexdigest()[:16]


def under_pseudonym(pseudonym: str) -> str:
    """Return a patient id for somebody of whom only the pseudonym is known.

    Examples
    --------
    >>> under_pseudonym("26148c43a19c95f0")
    'pseudonym:26148c43a19c95f0'
    """
    return f"pseudonym:{pseudonym}"


def split_patients(patient_ids: pd.Series, seed: int = 0) -> tuple[list[str], list[str]]:
    """Split patients in half: one part to fit, one part to calibrate.

    Parameters
    ----------
    patient_ids : Series of str
        Repeats allowed; each patient goes to one part.
    seed : int
        The split is a function of seed and patient ids alone: the same patients are split the same
        way for ever. Patients added later may move the cut; name the fit patients then.

    Returns
    -------
    (fit, calibration) : tuple of list of str
        In the order of the hash, cut at ``n // 2``.

    Notes
    -----
    Guarantee: none by itself; the calibrators assume that the split did not look at labels,
    which a hash of the id cannot.

    Examples
    --------
    >>> [len(part) for part in split_patients(pd.Series(["a", "b", "c", "a"]))]
    [1, 2]
    """
    ordered = sorted(set(patient_ids), key=lambda patient: stable_hash(seed, patient))
    half = len(ordered) // 2
    return ordered[:half], ordered[half:]
