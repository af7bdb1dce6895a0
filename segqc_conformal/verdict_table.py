"""The verdict table: one row per (case, structure), what a gate says; others may make one too."""

from __future__ import annotations

__all__ = ["NO_PROMISE", "SHOWN_COLUMNS", "VERDICT_COLUMNS"]

VERDICT_COLUMNS = (
    "case_id",
    "patient_id",
    "structure",
    "site",
    "time",
    "predicted_dice",
    "dice_low",
    "dice_high",
    "accept",
    "accept_score",
    "p_above_low",
    "p_above_high",
    "reason",
    "message",
    "model_id",
    "calibration",
)

# P(Dice > threshold), shown beside the decision; a verdict table of one's own may do without them
SHOWN_COLUMNS = ("p_above_low", "p_above_high")

# reasons of verdicts whose interval carries no promise
NO_PROMISE = ("empty_prediction", "input_error", "unknown_group")
