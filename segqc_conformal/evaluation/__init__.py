"""Evaluation against reference masks: what verdicts, quality predictors and maps were worth."""

from segqc_conformal.evaluation.verdict_outcomes import summarise, with_true_dice

__all__ = ["summarise", "with_true_dice"]
