"""How well single features and the default combination rank and predict Dice."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from segqc_conformal.calibration_rows import labelled_rows, one_case_each
from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.evaluation.area_under_risk import aurc
from segqc_conformal.features.table import feature_columns, one_identity, write_table
from segqc_conformal.patients import split_patients
from segqc_conformal.quality.predictor import fit_quality
from segqc_conformal.reports.page import Section, number, paragraph, table, write_page
from segqc_conformal.scoring import empty_prediction

__all__ = ["compare_predictors", "write_comparison"]

# these estimate Dice by themselves: no direction to choose, and an error to measure
DICE_LIKE = ("feature_pairwise_dice", "feature_soft_dice_confidence")
FEWEST_PATIENTS = 20
COLUMNS = ("structure", "method", "patients", "spearman", "pearson", "mae", "aurc", "aurc_bad")


def compare_predictors(
    features: pd.DataFrame, dice_threshold: float = 0.8, seed: int = 0
) -> pd.DataFrame:
    """Compare each feature alone with the default combination, on patients that fitted nothing.

    Parameters
    ----------
    features : DataFrame
        Feature table with ``dice``; unlabelled and faulty cases are left out.
    dice_threshold : float
        A case is bad if its Dice is <= this.
    seed : int
        Of the patient split (half and half), of ties between visits and of the forest.

    Returns
    -------
    DataFrame
        By structure and method: ``patients`` evaluated, ``spearman`` and ``pearson`` with Dice,
        ``mae`` (NaN where the method does not predict Dice), ``aurc`` of the loss 1 - Dice and
        ``aurc_bad`` of the loss 1 where Dice <= threshold, both by the rectangle convention; the
        lowest ``aurc`` first.

    Raises
    ------
    InputError
        With fewer than 20 labelled patients.

    Notes
    -----
    A feature's direction is the one that ranks better on the fit half; pairwise Dice and Soft Dice
    Confidence are taken as they are. ``combination`` is the default quality predictor, weighted by
    patient-grouped cross-validation within the fit half; ``combination, accept score`` ranks by
    (predicted - threshold) / scale. One case per patient; empty predictions, which every method
    refers, are left out. Guarantee: none; differences between methods have no interval here.
    """
    rows, _ = labelled_rows(features)
    one_identity(rows)
    rows = one_case_each(rows, seed)
    rows = rows[~empty_prediction(rows)]
    if rows["patient_id"].nunique() < FEWEST_PATIENTS:
        raise InputError(
            f"at least {FEWEST_PATIENTS} labelled patients",
            rows["patient_id"].nunique(),
            "add reference masks",
        )
    fitting, _ = split_patients(rows["patient_id"], seed)
    in_fit = rows["patient_id"].isin(fitting)
    fit, test = rows[in_fit], rows[~in_fit]
    quality, _ = fit_quality(fit, seed=seed)
    predicted, scale = quality.predict(test)
    combined = test.assign(predicted=predicted, margin=(predicted - dice_threshold) / scale)
    lines = [
        {"structure": name, **line}
        for name, part in combined.groupby("structure")
        for line in _methods(fit[fit["structure"] == name], part, dice_threshold)
    ]
    return pd.DataFrame(lines, columns=list(COLUMNS)).sort_values(
        ["structure", "aurc"], ignore_index=True
    )


def _methods(fit: pd.DataFrame, test: pd.DataFrame, dice_threshold: float) -> list[dict[str, Any]]:
    dice = test["dice"].to_numpy()
    lines = [
        _line("combination", test["predicted"], dice, dice_threshold, predicts=True),
        _line("combination, accept score", test["margin"], dice, dice_threshold, predicts=False),
    ]
    for name in feature_columns(test):
        predicts = name in DICE_LIKE
        falls = not predicts and _correlation(rankdata(fit[name]), rankdata(fit["dice"])) < 0
        values = -test[name] if falls else test[name]
        label = name.removeprefix("feature_") + (" (low is good)" if falls else "")
        lines.append(_line(label, values, dice, dice_threshold, predicts=predicts))
    return lines


def _line(
    method: str,
    values: pd.Series,
    dice: NDArray[np.float64],
    dice_threshold: float,
    *,
    predicts: bool,
) -> dict[str, Any]:
    score = values.to_numpy(dtype=np.float64)
    return {
        "method": method,
        "patients": dice.size,
        "spearman": _correlation(rankdata(score), rankdata(dice)),
        "pearson": _correlation(score, dice),
        "mae": float(np.abs(score - dice).mean()) if predicts else np.nan,
        "aurc": aurc(score, 1.0 - dice),
        "aurc_bad": aurc(score, (dice <= dice_threshold).astype(np.float64)),
    }


def _correlation(a: Any, b: Any) -> float:
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def write_comparison(path: str | Path, frame: pd.DataFrame, now: datetime | None = None) -> Path:
    """Write a comparison as a page (``.html``) or a table (``.csv``, ``.parquet``).

    Parameters
    ----------
    path : str or Path
        The file, replaced at once.
    frame : DataFrame
        What `compare_predictors` returned.
    now : datetime, optional
        Printed at the foot of the page; None: the time of the call.

    Returns
    -------
    Path

    Raises
    ------
    FileFormatError
        For another suffix.

    Notes
    -----
    Guarantee: none.
    """
    path = Path(path)
    if path.suffix in (".csv", ".parquet"):
        write_table(frame, path)
        return path
    if path.suffix != ".html":
        raise FileFormatError("a .html, .csv or .parquet file", path.name, "choose one of these")
    explain = paragraph(
        "Measured on patients that fitted nothing, one case each, empty predictions left out. "
        "AURC: the mean risk over all shares accepted (rectangle convention), lower is better; "
        "“AURC, bad” counts masks at or below the Dice threshold. Small differences mean nothing "
        "at this number of patients.",
        "note",
    )
    sections = [
        Section(str(name), _compared(part)) for name, part in frame.groupby("structure", sort=True)
    ]
    sections.append(Section("How to read this", explain))
    title, subtitle = "Comparison of quality predictors", "Which signal ranks masks best"
    return write_page(path, title, subtitle, sections, now)


def _compared(part: pd.DataFrame) -> str:
    head = ("method", "patients", "Spearman", "Pearson", "mean absolute error", "AURC", "AURC, bad")
    rows = [
        (
            row["method"],
            row["patients"],
            number(row["spearman"]),
            number(row["pearson"]),
            number(row["mae"], 3),
            number(row["aurc"], 3),
            number(row["aurc_bad"], 3),
        )
        for row in part.to_dict("records")
    ]
    return table(head, rows)
