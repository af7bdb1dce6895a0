"""An uncertainty signal on three levels, after Li et al. (2025): pixel, sample and model."""

from __future__ import annotations

import math
from collections.abc import Mapping

from segqc_conformal.evaluation.comparison import Comparison
from segqc_conformal.reports.comparison_sections import estimate_in_words
from segqc_conformal.reports.page import Section, notice, number, paragraph, table

__all__ = ["three_levels"]

VOXEL_WORDS = {
    "ucm": "UCM (reconstruction)",
    "error_auroc": "AUROC of errors",
    "error_aupr": "AUPR of errors",
    "error_share": "wrong voxels",
    "ue_overlap": "U-E overlap",
    "ece": "ECE",
    "ece_label": "ECE-label (reconstruction)",
}


def three_levels(comparison: Comparison, voxels: Mapping[str, Mapping[str, float]]) -> Section:
    """Show the voxel, case and model level of the evaluation; say what is missing.

    Parameters
    ----------
    comparison : Comparison
    voxels : mapping of str to mapping of str to float
        By uncertainty map: its `voxel_metrics`; empty where no voxels were counted.

    Returns
    -------
    Section

    Notes
    -----
    Guarantee: none. UCM, ESCE, HDice and ECE-label are reconstructions.
    """
    note = paragraph(
        "After Li et al. (2025). Their formulas are not public: UCM, ESCE and HDice, and ECE-label "
        "of van Aalst et al. (2025), are reconstructions and comparable within this page only.",
        "note",
    )
    return Section("Three levels", note + _pixel(voxels) + _sample_and_model(comparison))


def _pixel(voxels: Mapping[str, Mapping[str, float]]) -> str:
    title = "<h3>Pixel: do uncertain voxels hold the errors?</h3>"
    if not voxels:
        return title + notice(
            "Missing: no voxels were counted. Count them case by case with `VoxelErrors`, write "
            "them with `write_voxel_errors` and give the file as --voxels.",
            "plain",
        )
    best_first = sorted(voxels.items(), key=lambda item: -_known(item[1]["ucm"]))
    rows = [
        (name.replace("_", " "), *(number(found[metric], 3) for metric in VOXEL_WORDS))
        for name, found in best_first
    ]
    return title + table(("map", *VOXEL_WORDS.values()), rows)


def _known(value: float) -> float:
    return -1.0 if math.isnan(value) else value


def _sample_and_model(comparison: Comparison) -> str:
    sample, model = [], []
    for part in comparison.structures:
        for name in (method.name for method in part.methods if method.predicted is not None):
            line = (part.structure, name)
            ranking = number(part.row(name, "naurc")["value"], 3)
            sample.append((*line, estimate_in_words(part.row(name, "esce")), ranking))
            mean = number(float(part.dice.mean()), 3)
            model.append((*line, mean, estimate_in_words(part.row(name, "hdice"))))
    return (
        "<h3>Sample: is the predicted Dice of a case right?</h3>"
        + table(("structure", "method", "ESCE (reconstruction)", "nAURC"), sample)
        + "<h3>Model: is it good, and does it know when it is not?</h3>"
        + table(("structure", "method", "mean Dice", "HDice (reconstruction)"), model)
    )
