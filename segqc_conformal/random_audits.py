"""Audits of a case log as a random sample of all its cases: what may recalibrate a gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from segqc_conformal.errors import CalibrationError
from segqc_conformal.patients import stable_hash

if TYPE_CHECKING:
    from segqc_conformal.case_log import CaseLog

__all__ = ["RandomAudits", "audits_since"]


@dataclass(frozen=True, eq=False)
class RandomAudits:
    """Audited cases that all had the same chance to be in the table: what `audits_since` returns.

    Parameters
    ----------
    table : DataFrame
        Feature table: the cases that count with ``dice``, all others without.
    rate : float
        Probability with which every case of the log, accepted or referred, came to count.
    counted, audited : int
        Cases that count, of so many that were audited.

    Notes
    -----
    Guarantee: that of `audits_since`.
    """

    table: pd.DataFrame
    rate: float
    counted: int
    audited: int


def audits_since(log: CaseLog, case_id: str) -> RandomAudits:
    """Return what `recalibrate` needs from a case log: random audits after a case, all answered.

    Where decisions or sites were audited at different rates, audits of the higher rates are left
    out at random until all cases have the chance of the lowest: else referred cases, say, would
    count for more than their share.

    Parameters
    ----------
    log : CaseLog
    case_id : str
        Only cases logged after this one count: the last one read by the run that raised the alarm,
        or a later one.

    Returns
    -------
    RandomAudits

    Raises
    ------
    InputError
        If the log has no such case.
    CalibrationError
        If no audit has come back, a drawn one is unanswered, or a reference mask was edited from
        ours.

    Notes
    -----
    Guarantee: over the secret seed of the draws, each case that a draw considered counts with
    probability `rate`, whatever its decision, site, features and Dice. Of draws from before the log
    kept by which number they decided: over the secret seed and a fixed hash of the case id.
    """
    audited, pending, undrawn, rates = log.audits_after(log.sequence_of(case_id))
    if len(pending):
        raise CalibrationError(
            "every drawn audit answered: those that are hard to outline are not missing at random",
            f"{len(pending)} unanswered, for example {pending['case_id'].iloc[0]}",
            "answer them (`segqc audit add`)",
        )
    if audited.empty:
        raise CalibrationError(
            "audits of cases after that one",
            "none",
            "draw some (`segqc audit next`) and answer them, or name an earlier case",
        )
    edited = audited[audited["reference_kind"] == "edited"]
    if len(edited):
        raise CalibrationError(
            "reference masks drawn independently of the judged masks",
            f"{edited['case_id'].nunique()} cases whose mask was edited from ours",
            "have these cases outlined from scratch: edited masks are biased towards ours",
        )
    rate = min(audited["probability"].min(), *rates.values())
    counts = _counting(audited, rate)
    # what was left out is an unlabelled case like any other, so these too are a random sample
    labelled = audited.assign(dice=audited["dice"].where(counts))
    return RandomAudits(
        pd.concat([labelled, undrawn], ignore_index=True),
        float(rate),
        int(audited.loc[counts, "case_id"].nunique()),
        int(audited["case_id"].nunique()),
    )


def _counting(audited: pd.DataFrame, rate: float) -> pd.Series:
    """Choose the audits that a draw at the lowest rate would have chosen too."""
    again = audited["case_id"].map(lambda case: stable_hash(0, f"thinned:{case}") / 2**64)
    share = audited["share"].astype(float).fillna(again * audited["probability"])
    return share < rate
