"""The plots of a comparison: risk against coverage, and how right probabilities are."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from segqc_conformal.evaluation.risk_coverage import risk_coverage
from segqc_conformal.evaluation.structure_comparison import StructureComparison
from segqc_conformal.reports.plots import GRID, LINES, SOFT, styled

__all__ = ["reliability", "risks"]

CASES_OF_A_POINT = 10  # fewer make the observed share mostly noise


def risks(part: StructureComparison) -> Any:
    """Draw the mean loss of the accepted over the share accepted, between perfect and random.

    Parameters
    ----------
    part : StructureComparison

    Returns
    -------
    plotly Figure
        Of the combination and of the best single feature.

    Notes
    -----
    Guarantee: none; a description of these cases.
    """
    from plotly import graph_objects as go

    plot = go.Figure()
    lines = [(name, part.method(name).score, "solid") for name in shown(part)]
    lines.append(("perfect order", part.dice, "dot"))
    for (name, score, dash), colour in zip(lines, (*LINES[:2], SOFT), strict=True):
        curve = risk_coverage(score, part.dice)
        plot.add_scatter(
            x=curve.coverage.tolist(),
            y=curve.mean_loss.tolist(),
            mode="lines",
            name=escape(name),
            line={"color": colour, "width": 2 if dash == "solid" else 1.5, "dash": dash},
            hovertemplate="accepting %{x:.0%}: mean of 1 − Dice %{y:.3f}<extra></extra>",
        )
    mean = float((1.0 - part.dice).mean())
    plot.add_hline(
        y=mean,
        line={"color": SOFT, "width": 1, "dash": "dash"},
        annotation={"text": "random order", "font": {"size": 11, "color": SOFT}},
        annotation_position="top left",
    )
    plot.update_xaxes(range=[0, 1.02], tickformat=".0%")
    plot.update_yaxes(rangemode="tozero")
    return styled(plot, "share accepted", "mean of 1 − Dice")


def reliability(part: StructureComparison, dice_threshold: float) -> Any:
    """Draw the share of good cases over their predicted probability, in groups of equal size.

    Parameters
    ----------
    part : StructureComparison
    dice_threshold : float

    Returns
    -------
    plotly Figure
        Of the combination and of the best single feature; on the diagonal a probability is right.

    Notes
    -----
    Guarantee: none; a description of these cases.
    """
    from plotly import graph_objects as go

    plot = go.Figure()
    plot.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, layer="below", line={"color": GRID})
    groups = max(2, part.dice.size // CASES_OF_A_POINT)
    for name, colour in zip(shown(part), LINES[:2], strict=True):
        probability = part.method(name).probability
        parts = np.array_split(np.argsort(probability, kind="stable"), groups)
        good = part.dice > dice_threshold
        plot.add_scatter(
            x=[float(probability[cases].mean()) for cases in parts],
            y=[float(good[cases].mean()) for cases in parts],
            text=[f"{good[cases].sum()} of {cases.size}" for cases in parts],
            mode="lines+markers",
            name=escape(name),
            marker={"color": colour, "size": 7},
            line={"color": colour, "width": 1},
            hovertemplate="predicted %{x:.0%}, good: %{text}<extra></extra>",
        )
    plot.update_xaxes(range=[-0.02, 1.02], tickformat=".0%")
    plot.update_yaxes(range=[-0.04, 1.04], tickformat=".0%")
    return styled(plot, f"predicted P(Dice > {dice_threshold:g})", "share of good masks")


def shown(part: StructureComparison) -> tuple[str, str]:
    """Return the names of the two methods that the page shows in full."""
    return part.methods[0].name, part.best_single
