"""Reverse Dice as columns of a feature table."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import NamedTuple

import numpy as np
import pandas as pd

from segqc_conformal.case import Case
from segqc_conformal.errors import InputError, why_failed
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.features.table import FIT_PATIENT, check_feature_table, fit_patient_flags
from segqc_conformal.progress_bar import progress_bar
from segqc_conformal.reverse.accuracy import ReverseClassificationAccuracy
from segqc_conformal.reverse.reverse_dice import FEATURES, summarised

__all__ = ["ReverseFeatures", "with_reverse_features"]


class ReverseFeatures(NamedTuple):
    """The feature table with the new columns, and every single reverse Dice.

    ``single`` is as `ReverseClassificationAccuracy.reverse_dice` returns it, for all cases.
    """

    table: pd.DataFrame
    single: pd.DataFrame


def with_reverse_features(
    accuracy: ReverseClassificationAccuracy,
    table: pd.DataFrame,
    cases: Iterable[Case | CaseFiles],
    progress: bool = True,
) -> ReverseFeatures:
    """Add reverse Dice to a feature table, as features like any other.

    Parameters
    ----------
    accuracy : ReverseClassificationAccuracy
    table : DataFrame
        A feature table; its rows of failed cases stay as they are.
    cases : iterable of Case or CaseFiles
        One for each case of the table, in any order, each with the mask that the table judges; read
        one at a time. Cases that the table lacks are passed over.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    ReverseFeatures
        The table with ``feature_reverse_dice_...`` (see `summarised`); with a ``schema_version``
        that names settings and references, so that a gate refuses features made otherwise; and with
        ``fit_patient``, true for the reference patients too, by which `QualityGate.calibrate` keeps
        them from calibrating and `compare_predictors` from being evaluated. A row whose case fails,
        is missing, or has no reference with its structure says why in ``failed``, and the rest goes
        on.

    Raises
    ------
    InputError
        For a table that is none, or something that is neither Case nor CaseFiles.

    Notes
    -----
    Guarantee: every row of the table comes out, in its place. All patients but the reference
    patients are treated alike by one fixed function, so promises calibrated on these columns hold.
    """
    table = check_feature_table(table, corrupted=True)
    patients = dict(zip(table["case_id"], table["patient_id"], strict=True))
    wanted = set(table.loc[table["failed"].isna(), "case_id"])
    frames: dict[str, pd.DataFrame] = {}
    failed: dict[str, str] = {}
    with progress_bar(progress) as bar:
        total = len(cases) if isinstance(cases, Sized) else None
        for one in bar.track(cases, total=total, description="reverse"):
            if not isinstance(one, Case | CaseFiles):
                raise InputError("cases as Case or CaseFiles", type(one).__name__, "build them")
            if one.case_id not in wanted:
                continue
            try:
                frames[one.case_id] = _values(accuracy, one, patients[one.case_id])
            except Exception as error:  # whatever a backend raises concerns this case only
                failed[one.case_id] = why_failed(one.case_id, error)
    joined = _joined(table, frames, failed)
    taught = joined["patient_id"].isin([one.patient_id for one in accuracy.references])
    return ReverseFeatures(
        joined.assign(
            schema_version=joined["schema_version"] + f"+reverse:{accuracy.version}",
            **{FIT_PATIENT: taught | fit_patient_flags(joined)},
        ),
        pd.concat(frames.values(), ignore_index=True) if frames else pd.DataFrame(),
    )


def _values(
    accuracy: ReverseClassificationAccuracy, one: Case | CaseFiles, patient: str
) -> pd.DataFrame:
    if one.patient_id != patient:
        raise InputError(
            f"patient {patient}, as in the table",
            f"patient {one.patient_id}",
            "correct the patient id: a case's own patient must not be among its references",
            one.case_id,
        )
    return accuracy.reverse_dice(one.load() if isinstance(one, CaseFiles) else one)


def _joined(
    table: pd.DataFrame, frames: dict[str, pd.DataFrame], failed: dict[str, str]
) -> pd.DataFrame:
    found = {
        (case, structure): values
        for case, frame in frames.items()
        for structure, values in summarised(frame).items()
    }
    pairs = list(zip(table["case_id"], table["structure"], strict=True))
    columns = {
        f"feature_{name}": [found.get(pair, {}).get(name, np.nan) for pair in pairs]
        for name in FEATURES
    }
    why = [
        before if before is not None else _why(pair, found, failed)
        for before, pair in zip(table["failed"], pairs, strict=True)
    ]
    return table.assign(**columns, failed=pd.Series(why, table.index, dtype=object))


def _why(
    pair: tuple[str, str],
    found: dict[tuple[str, str], dict[str, float]],
    failed: dict[str, str],
) -> str | None:
    case, structure = pair
    if case in failed:
        return failed[case]
    if pair not in found:
        return str(
            InputError(
                f"the case with its mask, and {structure} among the structures",
                "neither or one of these",
                "give the case, and its structures to ReverseClassificationAccuracy",
                case,
            )
        )
    if found[pair]["reverse_dice_count"] == 0.0:
        return str(
            InputError(
                f"a reference that has {structure}",
                "none among the nearest",
                "give more references, or a larger `nearest`",
                case,
            )
        )
    return None
