"""Which numbers a comparison of quality predictors gives, what each is of, and its words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from segqc_conformal.evaluation.area_under_risk import augrc, aurc, e_aurc, naurc
from segqc_conformal.evaluation.discrimination import aupr, auroc, fpr_at_tpr
from segqc_conformal.evaluation.prediction_error import mae, pearson, r2, rmse, spearman
from segqc_conformal.evaluation.probability_error import ace, brier, ece, nll
from segqc_conformal.evaluation.reconstructions import esce_reconstruction, hdice_reconstruction
from segqc_conformal.evaluation.weighted_sample import Metric

__all__ = ["CASE_METRICS", "CaseMetric"]


@dataclass(frozen=True)
class CaseMetric:
    """A metric of a comparison.

    Parameters
    ----------
    words : str
        What a person reads.
    metric : Metric
    of : {"score", "predicted", "probability"}
        What of a method it takes.
    against : {"dice", "loss", "bad", "good"}
        Dice, 1 - Dice, or whether Dice is at or below, or above, the threshold.
    lower_is_better : bool
    """

    words: str
    metric: Metric
    of: str
    against: str
    lower_is_better: bool


def _lower(words: str, metric: Metric, of: str, against: str) -> CaseMetric:
    return CaseMetric(words, metric, of, against, lower_is_better=True)


def _higher(words: str, metric: Metric, of: str, against: str) -> CaseMetric:
    return CaseMetric(words, metric, of, against, lower_is_better=False)


CASE_METRICS: dict[str, CaseMetric] = {
    "aurc": _lower("AURC (rectangle)", aurc, "score", "loss"),
    "aurc_trapezoid": _lower(
        "AURC (trapezoid)", partial(aurc, convention="trapezoid"), "score", "loss"
    ),
    "e_aurc": _lower("e-AURC", e_aurc, "score", "loss"),
    "naurc": _higher("nAURC", naurc, "score", "loss"),
    "augrc": _lower("AUGRC", augrc, "score", "loss"),
    "aurc_bad": _lower("AURC of bad masks (rectangle)", aurc, "score", "bad"),
    "auroc": _higher("AUROC", auroc, "score", "good"),
    "aupr_good": _higher("AUPR, good masks", aupr, "score", "good"),
    "aupr_bad": _higher("AUPR, bad masks", partial(aupr, of="bad"), "score", "good"),
    "fpr_at_95_tpr": _lower("FPR at 95 % TPR", fpr_at_tpr, "score", "good"),
    "spearman": _higher("Spearman", spearman, "score", "dice"),
    "pearson": _higher("Pearson", pearson, "score", "dice"),
    "mae": _lower("mean absolute error", mae, "predicted", "dice"),
    "rmse": _lower("root mean squared error", rmse, "predicted", "dice"),
    "r2": _higher("R²", r2, "predicted", "dice"),
    "esce": _lower("ESCE (reconstruction)", esce_reconstruction, "predicted", "dice"),
    "hdice": _higher("HDice (reconstruction)", hdice_reconstruction, "predicted", "dice"),
    "brier": _lower("Brier", brier, "probability", "good"),
    "nll": _lower("NLL", nll, "probability", "good"),
    "ece": _lower("ECE (20 bins)", ece, "probability", "good"),
    "ace": _lower("ACE (20 bins)", ace, "probability", "good"),
}
