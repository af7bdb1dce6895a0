"""A comparison of quality predictors as a page, a table or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from segqc_conformal.canonical_json import canonical_json
from segqc_conformal.errors import FileFormatError
from segqc_conformal.evaluation.comparison import Comparison
from segqc_conformal.evaluation.voxel_errors import VoxelErrors
from segqc_conformal.evaluation.voxel_metrics import voxel_metrics
from segqc_conformal.features.table import write_table
from segqc_conformal.replaced_file import replaced_at_once
from segqc_conformal.reports.comparison_sections import short_answer, structure_section
from segqc_conformal.reports.page import Section, paragraph, write_page
from segqc_conformal.reports.three_levels_section import three_levels

__all__ = ["write_comparison"]

READING = (
    "AURC: the mean risk over all shares accepted. By the rectangle convention a constant risk r "
    "gives r; by the trapezoid convention of the public failure-detection benchmarks it gives "
    "r (n − 1) / n. Compare figures of one convention only. Cases with equal scores share their "
    "mean risk. The risk is 1 − Dice, or 1 for a mask at or below the Dice threshold where it says "
    "“bad masks”.",
    "e-AURC is AURC less that of the perfect order; nAURC is 0 for a random and 1 for the perfect "
    "order. AUROC, AUPR and FPR are about telling good masks from bad ones. MAE: the mean absolute "
    "error of predicted Dice.",
    "Brier, NLL, ECE and ACE are about P(Dice > threshold): Venn-Abers probabilities, calibrated "
    "on the fit half. ECE, ACE and ESCE are biased upwards with few patients, so their intervals "
    "lie high; compare methods, and no figure with 0.",
    "Every interval holds on its own, about 95 of 100 times. With many methods some will look "
    "better by chance. Empty predictions, which every method refers, are left out.",
)


def write_comparison(
    path: str | Path,
    comparison: Comparison,
    voxels: Mapping[str, VoxelErrors] | None = None,
    now: datetime | None = None,
) -> Path:
    """Write a comparison as a page (``.html``), a table (``.csv``, ``.parquet``) or ``.json``.

    Parameters
    ----------
    path : str or Path
        The file, replaced at once.
    comparison : Comparison
        What `compare_predictors` returned.
    voxels : mapping of str to VoxelErrors, optional
        Counted voxels by uncertainty map; a table has no place for them, page and JSON do.
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
    levels = {name: voxel_metrics(errors) for name, errors in (voxels or {}).items()}
    if path.suffix in (".csv", ".parquet"):
        write_table(comparison.numbers, path)
    elif path.suffix == ".json":
        with replaced_at_once(path) as temporary:
            temporary.write_text(_as_json(comparison, levels), encoding="utf-8")
    elif path.suffix == ".html":
        _write_page(path, comparison, levels, now)
    else:
        raise FileFormatError(
            "a .html, .csv, .parquet or .json file", path.name, "choose one of these"
        )
    return path


def _as_json(comparison: Comparison, levels: Mapping[str, Mapping[str, float]]) -> str:
    best = {part.structure: part.best_single for part in comparison.structures}
    numbers = [_known(row) for row in comparison.numbers.to_dict("records")]
    voxels = {name: _known(found) for name, found in levels.items()}
    settings = {**comparison.settings, "best_single": best}
    return canonical_json({"settings": settings, "numbers": numbers, "voxels": voxels})


def _known(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): None if value != value else value for name, value in row.items()}


def _write_page(
    path: Path,
    comparison: Comparison,
    levels: Mapping[str, Mapping[str, float]],
    now: datetime | None,
) -> None:
    threshold = comparison.settings["dice_threshold"]
    sections = [
        short_answer(comparison),
        *(structure_section(part, threshold) for part in comparison.structures),
        three_levels(comparison, levels),
        Section("How to read this", "".join(paragraph(text) for text in READING)),
    ]
    subtitle = f"Which signal ranks masks best; a mask is bad at Dice ≤ {threshold:g}"
    write_page(path, "Comparison of quality predictors", subtitle, sections, now)
