"""The gate: a quality predictor with its certificates; it judges new cases."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from segqc_conformal.calibrators.cross_certificate import CrossConformalCertificate
from segqc_conformal.calibrators.venn_abers import VennAbersCertificate, VennAbersProbability
from segqc_conformal.case_groups import group_text
from segqc_conformal.certificate import NEW_PATIENTS, GateCertificate
from segqc_conformal.decision import decided
from segqc_conformal.errors import SegqcError
from segqc_conformal.features.table import FIT_PATIENT, check_feature_table
from segqc_conformal.judged_rows import in_case_order, incomplete_cases
from segqc_conformal.judging_faults import judging_faults
from segqc_conformal.quality.predictor import FittedQuality
from segqc_conformal.scoring import predicted_by_interval, score_rows
from segqc_conformal.standing import LOST, Standing
from segqc_conformal.verdict_table import VERDICT_COLUMNS
from segqc_conformal.whole_case import is_single, rows_together, with_extreme_features

__all__ = ["CalibratedGate", "profile_bytes"]


@dataclass(frozen=True, eq=False)
class CalibratedGate:
    """A calibrated gate: frozen, saved as a version, and the only thing that judges.

    Parameters
    ----------
    certificate : GateCertificate
    quality : FittedQuality
    profile : DataFrame
        One row per fit or calibration patient and structure: what monitors and reports keep.
    files : dict of str to bytes
        The other files of the version, as they are saved.
    models : mapping of str to sequence of estimator
        Of cross-conformal intervals, by structure; empty with 40 labelled patients or more.
    folder : str or None
        The calibration folder from which it was loaded: at every judgement verdicts say what the
        monitors have written there, and a segment in HARM is referred.

    Notes
    -----
    Guarantee: those of the certificates, one per structure and one for the whole case.
    """

    certificate: GateCertificate
    quality: FittedQuality
    profile: pd.DataFrame
    files: dict[str, bytes]
    models: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    folder: str | None = None

    @cached_property
    def id(self) -> str:
        """Name of the version: 64 hex digits."""
        return self.certificate.id

    @property
    def standings(self) -> tuple[Standing, ...]:
        """What the monitors found out so far; empty where none watches."""
        from segqc_conformal.calibration_folder import CalibrationFolder

        if self.folder is None:
            return ()
        try:
            return CalibrationFolder(self.folder).standings(self.id)
        except SegqcError:
            return (LOST,)  # damaged, or the folder is gone: nothing is known

    @property
    def structures(self) -> tuple[str, ...]:
        """Structures that can be judged, without ``whole_case`` and subsets."""
        return tuple(filter(is_single, self.certificate.structures))

    @property
    def patients(self) -> frozenset[str]:
        """Pseudonyms of the patients that fitted, calibrated or weighted this gate."""
        lineage = self.certificate.lineage
        kinds = ("fit_patients", "calibration_patients", NEW_PATIENTS)
        return frozenset(patient for kind in kinds for patient in lineage.get(kind, ()))

    @property
    def compared_with(self) -> pd.DataFrame:
        """Rows of the profile that new cases should resemble: those of the calibration cases.

        Of a version that was only weighted, those of the new cases it was weighted towards.
        """
        role = "new" if self.certificate.reweighted else "calibration"
        return self.profile[self.profile["role"] == role]

    def judge(self, table: pd.DataFrame) -> pd.DataFrame:
        """Judge new cases.

        Parameters
        ----------
        table : DataFrame
            Feature table; ``dice`` is not read. Bad rows, and those of corrupted masks, are
            referred, never lost.

        Returns
        -------
        DataFrame
            Verdict table, one row per (case, structure) that came in, and with several
            structures one ``whole_case`` row per case, which alone carries "accept the case".
            ``p_above_low`` and ``p_above_high`` are Venn-Abers probabilities of Dice above the
            threshold (`VennAbersProbability`): shown beside the decision, they decide nothing.

        Raises
        ------
        InputError
            If the table lacks required columns or has ids that are not strings.

        Notes
        -----
        Guarantee: the sentence in each verdict's certificate; a referred case carries none but
        its interval.
        """
        unread = ["dice", FIT_PATIENT]
        table = check_feature_table(table.drop(columns=unread, errors="ignore"), corrupted=True)
        groups = self._settings["groups"]
        if groups in table:
            table[groups] = group_text(table, groups)
        faults = judging_faults(
            table, self.certificate.identity, self.quality.features, self.structures, groups
        )
        usable = table[faults == ""]
        scored = score_rows(
            usable,
            self.quality,
            self.structures,
            self._settings["dice_threshold"],
            self._settings["subsets"],
        )
        if self.models:
            scored = with_extreme_features(scored, self._together)
        refused = table[faults != ""].drop_duplicates(["case_id", "structure"])
        verdicts = [self._judge_structure(rows) for _, rows in scored.groupby("structure")]
        verdicts.append(self._refused(refused, faults[refused.index]))
        verdicts += [
            self._incomplete_cases(table, scored, faults, name, members)
            for name, members in self._together.items()
        ]
        judged = [part for part in verdicts if len(part)]
        out = pd.concat(judged or verdicts, ignore_index=True)
        out = out.assign(calibration=self.id)[list(VERDICT_COLUMNS)]
        for standing in self.standings:
            out = standing.applied(out)
        return in_case_order(out, table, [*self.structures, *self._together])

    def _judge_structure(self, rows: pd.DataFrame) -> pd.DataFrame:
        name = rows["structure"].iloc[0]
        certificate = self.certificate.structures[name]
        if isinstance(certificate.interval, CrossConformalCertificate):
            interval = replace(certificate.interval, models=tuple(self.models[name]))
            certificate = replace(certificate, interval=interval)
            rows = predicted_by_interval(rows, interval, self._settings["dice_threshold"])
        judged = decided(rows, certificate, self._settings["groups"])
        if name not in self._probabilities:
            return judged.assign(p_above_low=0.0, p_above_high=1.0)
        low, high, _ = self._probabilities[name].probability(judged["accept_score"])
        return judged.assign(p_above_low=low, p_above_high=high)

    @cached_property
    def _probabilities(self) -> dict[str, VennAbersCertificate]:
        """P(Dice > threshold) by accept score, from the calibration patients that are kept."""
        if self.certificate.reweighted:
            return {}  # there is no theorem for weights
        rows = self.profile[self.profile["role"] == "calibration"]
        settings = VennAbersProbability(self._settings["dice_threshold"])
        return {
            str(name): settings.calibrate(part["accept_score"], part["dice"])
            for name, part in rows.groupby("structure")
        }

    @property
    def _settings(self) -> dict[str, Any]:
        return self.certificate.settings

    @property
    def _together(self) -> dict[str, tuple[str, ...]]:
        return rows_together(self.structures, self._settings["subsets"])

    def _refused(self, rows: pd.DataFrame, faults: pd.Series) -> pd.DataFrame:
        unknown = faults.str.startswith("unknown_group")
        return rows.assign(
            predicted_dice=np.nan,
            dice_low=0.0,
            dice_high=1.0,
            accept=False,
            accept_score=-np.inf,
            p_above_low=0.0,
            p_above_high=1.0,
            reason=np.where(unknown, "unknown_group", "input_error"),
            message=faults.astype(str),
        )

    def _incomplete_cases(
        self,
        table: pd.DataFrame,
        scored: pd.DataFrame,
        faults: pd.Series,
        name: str,
        members: tuple[str, ...],
    ) -> pd.DataFrame:
        judged = scored.loc[scored["structure"] == name, "case_id"]
        usable = table[faults == ""]
        return self._refused(*incomplete_cases(table, usable, judged, name, members))

    def save(
        self,
        folder: str | Path,
        *,
        by: str = "unknown",
        reason: str = "calibrated",
        now: datetime | None = None,
    ) -> Path:
        """Save as a new version of a calibration folder and make it the active one.

        Raises
        ------
        CalibrationError
            If calibration patients of this gate calibrated another version of the folder.
        """
        from segqc_conformal.calibration_folder import CalibrationFolder

        return CalibrationFolder(folder).add(self, by=by, reason=reason, now=now)

    @classmethod
    def load(cls, folder: str | Path, version: str | None = None) -> CalibratedGate:
        """Load the active version of a calibration folder, or a named one.

        Raises
        ------
        TamperedError
            If any byte of the folder differs from what was saved.
        """
        from segqc_conformal.calibration_folder import CalibrationFolder

        return CalibrationFolder(folder).load(version)


def profile_bytes(profile: pd.DataFrame) -> bytes:
    """Return a profile as the bytes of a Parquet file."""
    buffer = io.BytesIO()
    profile.to_parquet(buffer, index=False)
    return buffer.getvalue()
