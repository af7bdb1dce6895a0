"""The labelled cases a report shows: evaluation cases, or the calibration cases themselves."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from segqc_conformal.decision import decided
from segqc_conformal.errors import InputError
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.patients import first_case_of_each_patient
from segqc_conformal.whole_case import WHOLE_CASE, rows_together, worst_dice_together

__all__ = ["ShownCases", "shown_cases", "structures_in_order"]

COLUMNS = (
    "case_id",
    "structure",
    "site",
    "predicted_dice",
    "dice_low",
    "dice_high",
    "accept",
    "accept_score",
    "reason",
    "dice",
)


@dataclass(frozen=True, eq=False)
class ShownCases:
    """Labelled cases of a report, with where they come from.

    Parameters
    ----------
    rows : DataFrame
        ``case_id, structure, site, predicted_dice, dice_low, dice_high, accept, accept_score,
        reason, dice`` and ``covered``; one row per case and structure, one case per patient.
    evaluated : bool
        True: they neither fitted nor calibrated. False: they are the calibration cases.

    Notes
    -----
    Guarantee: none.
    """

    rows: pd.DataFrame
    evaluated: bool

    @property
    def source(self) -> str:
        """What the cases are, in one sentence for a person."""
        if self.evaluated:
            return (
                "Shown are evaluation cases: labelled, one per patient, and used neither to fit "
                "nor to calibrate."
            )
        return (
            "No evaluation cases were given. Shown are the calibration cases themselves, by number "
            "only: the interval was set on them, so its share of hits here is fixed by "
            "construction and proves nothing. Give evaluation cases for an independent look."
        )

    def of(self, structure: str) -> pd.DataFrame:
        """Return the rows of one structure."""
        return self.rows[self.rows["structure"] == structure]


def shown_cases(gate: CalibratedGate, evaluation: pd.DataFrame | None = None) -> ShownCases:
    """Choose and check the labelled cases that a report shows.

    Parameters
    ----------
    gate : CalibratedGate
    evaluation : DataFrame, optional
        Verdict table of `gate` with a column ``dice``; rows without ``dice`` are left out, and of
        a patient with several cases one is kept. A missing ``dice`` of a whole case or a subset
        is that of its worst structure. None: the calibration cases of the profile.

    Returns
    -------
    ShownCases

    Raises
    ------
    InputError
        If a column is missing, or the verdicts are another gate's.

    Notes
    -----
    Guarantee: none. That the evaluation cases are independent is the caller's word.
    """
    if evaluation is None or evaluation.empty:
        return ShownCases(_with_covered(_calibration_rows(gate)), evaluated=False)
    missing = [name for name in (*COLUMNS, "calibration") if name not in evaluation]
    if missing:
        raise InputError(
            "a verdict table joined with dice",
            f"no columns {missing}",
            "merge gate.judge(table) with the table's dice on case_id and structure",
        )
    others = sorted(set(evaluation["calibration"]) - {gate.id})
    if others:
        raise InputError(
            f"verdicts of version {gate.id[:12]}",
            f"verdicts of {[name[:12] for name in others]}",
            "judge the evaluation cases with the gate of this report",
        )
    evaluation = evaluation.assign(dice=_with_dice_together(evaluation, gate))
    labelled = evaluation[evaluation["dice"].notna()]
    if "patient_id" in labelled:
        seed = int(gate.certificate.settings["seed"])
        labelled = labelled[labelled["case_id"].isin(first_case_of_each_patient(labelled, seed))]
    kept = [name for name in _columns(gate) if name in labelled]
    return ShownCases(_with_covered(labelled[kept]), evaluated=True)


def _with_dice_together(rows: pd.DataFrame, gate: CalibratedGate) -> pd.Series:
    keys = ["case_id", "structure"]
    together = rows_together(gate.structures, gate.certificate.settings["subsets"])
    worst = worst_dice_together(rows, together).set_index(keys)["dice"]
    found = worst.reindex(pd.MultiIndex.from_frame(rows[keys]))
    return rows["dice"].fillna(pd.Series(found.to_numpy(), index=rows.index))


def structures_in_order(gate: CalibratedGate) -> list[str]:
    """Return the names of the certificates, the whole case first: it decides for the case."""
    names = list(gate.certificate.structures)
    return sorted(names, key=lambda name: (name != WHOLE_CASE, names.index(name)))


def _columns(gate: CalibratedGate) -> list[str]:
    groups = gate.certificate.settings["groups"]
    return list(dict.fromkeys([*COLUMNS, *([groups] if groups else [])]))


def _calibration_rows(gate: CalibratedGate) -> pd.DataFrame:
    profile = gate.profile[gate.profile["role"] == "calibration"]
    profile = profile.assign(case_id="calibration case " + profile["case"].astype(str))
    groups = gate.certificate.settings["groups"]
    parts = [
        decided(profile[profile["structure"] == name], certificate, groups)[_columns(gate)]
        for name, certificate in gate.certificate.structures.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _with_covered(rows: pd.DataFrame) -> pd.DataFrame:
    inside = (rows["dice"] >= rows["dice_low"]) & (rows["dice"] <= rows["dice_high"])
    return rows.assign(covered=inside).reset_index(drop=True)
