"""What more labelled patients would do for the quality predictor, for the exploration page."""

from __future__ import annotations

from typing import Any

import pandas as pd

from segqc_conformal.reports.page import Section, figure, notice, number, paragraph, table
from segqc_conformal.reports.plots import LINES, styled

__all__ = ["learning"]


def learning(curve: pd.DataFrame) -> Section:
    """Plot and tabulate a learning curve, and say what its end suggests.

    Parameters
    ----------
    curve : DataFrame
        As `learning_curve` returns it.
    """
    if len(curve) < 2:
        few = paragraph("Too few fit patients to fit on a part of them.")
        return Section("Would more fit patients help?", few)
    rows = [
        (
            row["patients"],
            number(row["error"], 3),
            number(row["error_se"], 3),
            number(row["spearman"]),
        )
        for row in curve.to_dict("records")
    ]
    head = ("fit patients", "mean absolute error of predicted Dice", "standard error", "Spearman")
    text = paragraph(
        "The quality predictor fitted on some of the fit patients, and measured on others, always "
        "the same ones. Its error decides how wide intervals are; a promise holds whatever it is."
    )
    plot = figure(_plot(curve), "Error by number of fit patients", "Bars: one standard error.")
    return Section(
        "Would more fit patients help?", _verdict(curve) + text + plot + table(head, rows)
    )


def _verdict(curve: pd.DataFrame) -> str:
    before, last = curve.iloc[-2], curve.iloc[-1]
    gain = before["error"] - last["error"]
    if gain > last["error_se"]:
        return notice(
            f"The error still falls, from {number(before['error'], 3)} with "
            f"{before['patients']:.0f} patients to {number(last['error'], 3)} with "
            f"{last['patients']:.0f}: more fit patients should give narrower intervals.",
            "good",
        )
    return notice(
        f"From {before['patients']:.0f} to {last['patients']:.0f} patients the error changes by "
        "less than its standard error: further labels are better spent on calibration.",
        "plain",
    )


def _plot(curve: pd.DataFrame) -> Any:
    from plotly import graph_objects as go

    plot = go.Figure()
    plot.add_scatter(
        x=curve["patients"].tolist(),
        y=curve["error"].tolist(),
        error_y={"type": "data", "array": curve["error_se"].tolist(), "thickness": 1, "width": 3},
        mode="lines+markers",
        line={"color": LINES[0], "width": 2},
        hovertemplate="%{x} patients: %{y:.3f}<extra></extra>",
    )
    plot.update_yaxes(rangemode="tozero")
    return styled(plot, "fit patients", "mean absolute error")
