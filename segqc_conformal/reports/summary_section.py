"""The first section of the report: what this gate can do, in a few sentences."""

from __future__ import annotations

import pandas as pd
from scipy.stats import spearmanr

from segqc_conformal.gate import CalibratedGate
from segqc_conformal.reports.page import Section, notice, number, paragraph, percent
from segqc_conformal.reports.shown_cases import ShownCases, structures_in_order

__all__ = ["rank_correlation", "summary"]

SIGNAL_LEVEL = 0.05


def summary(gate: CalibratedGate, cases: ShownCases) -> Section:
    """Say in a few sentences what this gate can do."""
    settings = gate.certificate.settings
    name = structures_in_order(gate)[0]
    certificate = gate.certificate.structures[name]
    rows = cases.of(name)
    whose = "evaluation" if cases.evaluated else "calibration"
    if certificate.accept.threshold is None:
        decision = notice(certificate.accept.promise, "caution")
    else:
        accepted = rows[rows["accept"]]
        bad = int((accepted["dice"] <= settings["dice_threshold"]).sum())
        decision = notice(
            f"Masks can pass without a human where the gate accepts them. Of {len(rows)} {whose} "
            f"patients it accepts {len(accepted)} ({percent(rows['accept'].mean())}); of "
            f"these, {bad} with Dice ≤ {settings['dice_threshold']:g}. All others are referred.",
            "good",
        )
    text = paragraph(cases.source, "note") if len(rows) else ""
    return Section("In short", decision + _width_and_signal(gate, rows) + text)


def _width_and_signal(gate: CalibratedGate, rows: pd.DataFrame) -> str:
    aim = percent(1 - gate.certificate.settings["miscoverage"])
    if rows.empty:
        return paragraph("No labelled patient could calibrate: every interval is [0, 1].")
    width = (rows["dice_high"] - rows["dice_low"]).mean()
    interval = (
        f"Each mask gets a predicted Dice and an interval meant to hold the true Dice in at least "
        f"{aim} of patients; on these patients it is {number(width)} wide on average (0 is "
        "certain, 1 says nothing)."
    )
    known = rows[rows["predicted_dice"].notna()]
    correlation, p_value = rank_correlation(known["predicted_dice"], known["dice"])
    if p_value <= SIGNAL_LEVEL:
        return paragraph(
            f"{interval} Rank correlation of predicted and true Dice: "
            f"{number(correlation)} (1 is perfect)."
        )
    return paragraph(interval) + notice(
        f"Uninformative signal: on these {len(known)} patients the predicted Dice does not rank "
        f"masks better than chance (rank correlation {number(correlation)}). The intervals still "
        "hold, but are about as wide as without any uncertainty; few or no cases can pass.",
        "caution",
    )


def rank_correlation(predicted: pd.Series, dice: pd.Series) -> tuple[float, float]:
    """Return Spearman's correlation and the p-value of "no better than chance".

    Notes
    -----
    Guarantee: none. Undefined for constant values or fewer than 3 cases: NaN and 1.

    Examples
    --------
    >>> rank_correlation(pd.Series([1.0, 1.0, 1.0]), pd.Series([0.1, 0.2, 0.3]))
    (nan, 1.0)
    """
    if len(dice) < 3 or predicted.nunique() < 2 or dice.nunique() < 2:
        return float("nan"), 1.0
    result = spearmanr(predicted, dice, alternative="greater")
    return float(result.statistic), float(result.pvalue)
