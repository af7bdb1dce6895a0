"""A calibrated one-class model: judges new cases, one by one or as a batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.calibrators.bad_cases import at_most_largest
from segqc_conformal.calibrators.checks import check_open_unit, percent
from segqc_conformal.calibrators.conformal_p_value import alarm_rank, conformal_ranks
from segqc_conformal.calibrators.conformal_selection import benjamini_hochberg
from segqc_conformal.coverage_spread import coverage_spread
from segqc_conformal.features.table import FIT_PATIENT, check_feature_table
from segqc_conformal.judged_rows import in_case_order, incomplete_cases
from segqc_conformal.judging_faults import judging_faults
from segqc_conformal.one_class.fitted import FittedOneClass
from segqc_conformal.patients import first_case_of_each_patient
from segqc_conformal.whole_case import WHOLE_CASE

__all__ = ["CalibratedOneClass"]

COLUMNS = (
    *("case_id", "patient_id", "structure", "site", "time"),
    *("nonconformity", "p_value", "flagged", "message"),
)
NOT_COUNTED = "another case of this patient stands in the batch: its p-value counts alone"


@dataclass(frozen=True, eq=False)
class CalibratedOneClass:
    """A calibrated one-class model: what `OneClass.calibrate` returns.

    Parameters
    ----------
    false_alarm : float
    dice_threshold : float or None
    seed : int
        As in `OneClass`.
    fitted : FittedOneClass
    calibration : mapping of str to tuple of float
        Nonconformity of the good calibration patients, ascending, by structure and
        ``whole_case``.
    identity : mapping of str to str
        Model, sampler, schema and kind of judged mask of the table.
    left_out : mapping of str to int
        Rows of the table that neither fitted nor calibrated, and why.

    Notes
    -----
    Guarantee: see `promise`; what it assumes stands in `OneClass`.
    """

    false_alarm: float
    dice_threshold: float | None
    seed: int
    fitted: FittedOneClass
    calibration: Mapping[str, tuple[float, ...]]
    identity: Mapping[str, str]
    left_out: Mapping[str, int]

    @property
    def structures(self) -> tuple[str, ...]:
        """What rows are of: structures and, with several, ``whole_case``."""
        single = self.fitted.structures
        return (*single, WHOLE_CASE) if len(single) > 1 else single

    def patients(self, structure: str) -> int:
        """Return how many good calibration patients a structure has."""
        return len(self.calibration.get(structure, ()))

    def promise(self, structure: str) -> str:
        """Return what holds for a structure or the whole case, in words for a person."""
        patients = self.patients(structure)
        spread = coverage_spread(patients, self.false_alarm)
        if spread is None:
            return self._too_few(structure, self.false_alarm)
        good = "is good" if self.dice_threshold is None else f"has Dice > {self.dice_threshold:g}"
        return (
            f"A new patient of the same population whose {structure} {good} is flagged with "
            f"probability at most {percent(self.false_alarm)}, averaged over calibrations of "
            f"{patients} such patients; nine of ten of these flag between "
            f"{1 - spread.high:.1%} and {1 - spread.low:.1%}. Nothing is promised of other cases: "
            "one that is not flagged need not be good."
        )

    def judge(self, table: pd.DataFrame, false_discovery: float | None = None) -> pd.DataFrame:
        """Say of new cases how unlike the good ones they are.

        Parameters
        ----------
        table : DataFrame
            Feature table; ``dice`` is not read.
        false_discovery : float, optional
            q in (0, 1): flag by the Benjamini-Hochberg procedure over the table as one batch,
            within each structure, instead of by `false_alarm`. One case of each patient is
            tested; others have their p-value, are not flagged, and say so.

        Returns
        -------
        DataFrame
            One row per (case, structure) and, with several structures, one ``whole_case`` row per
            case: ``case_id, patient_id, structure, site, time, nonconformity`` (larger = more
            unlike; +inf for an empty prediction), ``p_value``, ``flagged`` and ``message``. Rows
            that cannot be judged are flagged, with the reason, without nonconformity and p-value,
            and count in no batch.

        Raises
        ------
        InputError
            If the table lacks required columns or has ids that are not strings.

        Notes
        -----
        Guarantee: a good new case is flagged with probability <= `false_alarm`, over calibration
        and new patient. With `false_discovery`: for patients independent of each other and of the
        calibration, the good ones distributed as the calibration patients, the expected share of
        good cases among the flagged of a structure is <= q (Bates et al. 2023);
        nothing is promised of one batch. Rows that cannot be judged are beside both.
        """
        check_open_unit(false_discovery=false_discovery)
        unread = ["dice", FIT_PATIENT]
        table = check_feature_table(table.drop(columns=unread, errors="ignore"), corrupted=True)
        faults = judging_faults(table, self.identity, self.fitted.features, self.fitted.structures)
        usable = table[faults == ""]
        scored = self.fitted.with_nonconformity(usable)
        parts = [self._judged(rows, false_discovery) for _, rows in scored.groupby("structure")]
        refused = table[faults != ""].drop_duplicates(["case_id", "structure"])
        parts.append(_flagged(refused, faults[refused.index]))
        if WHOLE_CASE in self.structures:
            whole = scored.loc[scored["structure"] == WHOLE_CASE, "case_id"]
            members = self.fitted.structures
            parts.append(_flagged(*incomplete_cases(table, usable, whole, WHOLE_CASE, members)))
        filled = [part for part in parts if len(part)]
        out = pd.concat(filled or parts[:1], ignore_index=True)[list(COLUMNS)]
        return in_case_order(out, table, self.structures)

    def save(self, folder: str | Path) -> Path:
        """Write into a folder: ``one_class.json`` and ``one_class.skops``, never pickle."""
        from segqc_conformal.one_class.stored import save_one_class

        return save_one_class(folder, self)

    @classmethod
    def load(cls, folder: str | Path) -> CalibratedOneClass:
        """Read what `save` wrote; what it judges is the same to the bit.

        Raises
        ------
        FileFormatError
            If there is none, or it is of another schema.
        TamperedError
            If a byte was changed, or the models hold types that are not trusted.
        """
        from segqc_conformal.one_class.stored import load_one_class

        return load_one_class(folder)

    def _judged(self, rows: pd.DataFrame, false_discovery: float | None) -> pd.DataFrame:
        name = str(rows["structure"].iloc[0])
        new = at_most_largest(rows["nonconformity"].to_numpy())
        ranks = conformal_ranks(self.calibration.get(name, ()), new)
        rows = rows.assign(p_value=ranks / (self.patients(name) + 1))
        level = self.false_alarm if false_discovery is None else false_discovery
        largest = alarm_rank(self.patients(name), level)
        if not largest:
            return rows.assign(flagged=False, message=self._too_few(name, level))
        if false_discovery is None:
            return rows.assign(flagged=ranks <= largest, message="")
        return self._batch(rows, ranks, level)

    def _batch(self, rows: pd.DataFrame, ranks: NDArray[np.int64], level: float) -> pd.DataFrame:
        patients = self.patients(str(rows["structure"].iloc[0]))
        tested = rows["case_id"].isin(first_case_of_each_patient(rows, self.seed)).to_numpy()
        flagged = np.zeros(len(rows), dtype=bool)
        flagged[tested] = benjamini_hochberg(ranks[tested], patients + 1, level)
        return rows.assign(flagged=flagged, message=np.where(tested, "", NOT_COUNTED))

    def _too_few(self, structure: str, level: float) -> str:
        patients = self.patients(structure)
        needed = math.ceil(1 / Fraction(str(float(level)))) - 1
        return (
            f"expected at least {needed} good calibration patients of {structure} to flag at "
            f"{percent(level)}; received {patients}, with which the smallest p-value is "
            f"1/{patients + 1}; remedy: add good cases; until then nothing is flagged"
        )


def _flagged(rows: pd.DataFrame, why: pd.Series) -> pd.DataFrame:
    return rows.assign(nonconformity=np.nan, p_value=np.nan, flagged=True, message=why.astype(str))
