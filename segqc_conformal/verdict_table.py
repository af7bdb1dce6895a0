"""The verdict table: one row per (case, structure), what a gate says; others may make one too."""

from __future__ import annotations

__all__ = ["VERDICT_COLUMNS"]

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
    "reason",
    "message",
    "model_id",
    "calibration",
)
