"""The plots of the page of `segqc calibrate --explore`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from segqc_conformal.exploration import RiskCurve
from segqc_conformal.reports.page import percent
from segqc_conformal.reports.plots import INK, LINES, WRONG, styled

__all__ = ["acceptance_map", "risk_curves", "widths_by_coverage"]

SHADES = ((0.0, "#f6f8f9"), (1.0, "#74b3c8"))  # light, so that the words stay readable


def acceptance_map(outcomes: pd.DataFrame, settings: Mapping[str, Any]) -> Any:
    """Draw the expected share accepted and P(certify), by tolerated error and Dice threshold.

    Parameters
    ----------
    outcomes : DataFrame
        Of one structure (and group), as in `Exploration.outcomes`.
    settings : mapping
        Its ``tolerated_error`` and ``dice_threshold`` are framed.

    Returns
    -------
    plotly Figure

    Notes
    -----
    Guarantee: none.
    """
    from plotly import graph_objects as go

    shares, chances = (
        outcomes.pivot(index="dice_threshold", columns="tolerated_error", values=name)
        for name in ("share_accepted", "p_certify")
    )
    errors, thresholds = shares.columns.to_numpy(), shares.index.to_numpy()
    pairs = zip(shares.to_numpy(), chances.to_numpy(), strict=True)
    words = [
        [f"{percent(s)}<br>P {percent(p)}" for s, p in zip(*pair, strict=True)] for pair in pairs
    ]
    plot = go.Figure(
        go.Heatmap(
            x=[f"{100.0 * float(error):.3g} %" for error in errors],
            y=[f"{threshold:g}" for threshold in thresholds],
            z=shares.to_numpy().tolist(),
            text=words,
            texttemplate="%{text}",
            textfont={"size": 12, "color": INK},
            zmin=0.0,
            zmax=1.0,
            colorscale=[list(shade) for shade in SHADES],
            showscale=False,
            xgap=2,
            ygap=2,
            hovertemplate="Dice ≤ %{y} is bad, tolerated %{x}<br>%{text}<extra></extra>",
        )
    )
    x = int(np.flatnonzero(errors == settings["tolerated_error"])[0])
    y = int(np.flatnonzero(thresholds == settings["dice_threshold"])[0])
    plot.add_shape(
        type="rect", x0=x - 0.5, x1=x + 0.5, y0=y - 0.5, y1=y + 0.5, line={"color": INK, "width": 2}
    )
    styled(plot, "tolerated error", "Dice threshold", height=100 + 46 * len(thresholds))
    plot.update_layout(margin={"t": 12})
    plot.update_xaxes(type="category")
    plot.update_yaxes(type="category")
    return plot


def risk_curves(curves: Sequence[RiskCurve], tolerated_error: float) -> Any:
    """Draw the share of bad masks among the accepted over the share accepted, a line per threshold.

    Parameters
    ----------
    curves : sequence of RiskCurve
        Of one structure (and group).
    tolerated_error : float
        Marked.

    Returns
    -------
    plotly Figure

    Notes
    -----
    Guarantee: none.
    """
    from plotly import graph_objects as go

    plot = go.Figure()
    for curve, colour in zip(curves, LINES * (len(curves) // len(LINES) + 1), strict=False):
        plot.add_scatter(
            x=list(curve.share_accepted),
            y=list(curve.bad_share),
            mode="lines",
            name=f"Dice ≤ {curve.dice_threshold:g}",
            line={"color": colour, "width": 2},
            hovertemplate="accepting %{x:.0%}: %{y:.1%} bad<extra>%{fullData.name}</extra>",
        )
    plot.add_hline(y=tolerated_error, line={"color": WRONG, "width": 1, "dash": "dash"})
    plot.update_xaxes(range=[0, 1.02], tickformat=".0%")
    plot.update_yaxes(rangemode="tozero", tickformat=".0%")
    return styled(plot, "share accepted", "bad among the accepted")


def widths_by_coverage(widths: Mapping[str, pd.DataFrame]) -> Any:
    """Draw the expected width of the interval over the coverage promised, a line per structure.

    Parameters
    ----------
    widths : mapping of str to DataFrame
        By display name, as in `Exploration.widths`.

    Returns
    -------
    plotly Figure

    Notes
    -----
    Guarantee: none.
    """
    from plotly import graph_objects as go

    plot = go.Figure()
    for (name, rows), colour in zip(
        widths.items(), LINES * (len(widths) // len(LINES) + 1), strict=False
    ):
        plot.add_scatter(
            x=(1.0 - rows["miscoverage"]).round(9).tolist(),
            y=rows["width"].tolist(),
            error_y={
                "type": "data",
                "symmetric": False,
                "array": (rows["width_high"] - rows["width"]).tolist(),
                "arrayminus": (rows["width"] - rows["width_low"]).tolist(),
                "thickness": 1,
                "width": 3,
            },
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": 2},
            hovertemplate="%{x:.0%} covered: width %{y:.2f}<extra>%{fullData.name}</extra>",
        )
    plot.update_xaxes(tickformat=".0%")
    plot.update_yaxes(rangemode="tozero")
    return styled(plot, "coverage promised", "mean width of the interval")
