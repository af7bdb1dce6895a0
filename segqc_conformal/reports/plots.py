"""The plots of the calibration report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.evaluation.risk_coverage import risk_coverage
from segqc_conformal.reports.reasons import reason_in_words

__all__ = ["embedded_cases", "predicted_against_true", "risk_against_coverage", "styled"]

INK, SOFT, GRID = "#1d2b33", "#5a6b75", "#e6ebee"
ACCEPTED, REFERRED, WRONG = "#1c6e8c", "#9aa7ae", "#b23a2e"
LINES = ("#1c6e8c", "#2f7d57", "#b7791f", "#8a4f9e", "#5a6b75", "#b23a2e", "#3d5a9e")
MOST_POINTS = 1_000  # more make the page slow and the plot a blot


def styled(plot: Any, x: str, y: str, height: int = 360) -> Any:
    """Give a plotly figure the page's look."""
    plot.update_layout(
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        plot_bgcolor="white",
        paper_bgcolor="white",
        height=height,
        margin={"l": 52, "r": 10, "t": 44, "b": 46},
        hovermode="closest",
        dragmode=False,
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0.0, "font": {"size": 11}},
    )
    axis = {"gridcolor": GRID, "zeroline": False, "linecolor": GRID}
    plot.update_xaxes(title=x, **axis)
    plot.update_yaxes(title=y, **axis)
    return plot


def predicted_against_true(rows: pd.DataFrame, dice_threshold: float) -> Any:
    """Draw true Dice over predicted Dice, with the interval of each case as a thin line.

    Parameters
    ----------
    rows : DataFrame
        Rows of one structure of `ShownCases`; at most 1,000, drawn at random by a fixed seed,
        are shown.
    dice_threshold : float
        Drawn as a dashed line.

    Returns
    -------
    plotly Figure

    Notes
    -----
    Guarantee: none.
    """
    from plotly import graph_objects as go

    rows = rows[rows["predicted_dice"].notna()]
    if len(rows) > MOST_POINTS:
        rows = rows.sample(MOST_POINTS, random_state=0)
    bad = rows["accept"] & (rows["dice"] <= dice_threshold)
    groups = (
        ("accepted", ACCEPTED, "circle", rows["accept"] & ~bad),
        ("referred", REFERRED, "circle-open", ~rows["accept"]),
        (f"accepted, Dice ≤ {dice_threshold:g}", WRONG, "x", bad),
    )
    plot = go.Figure(_interval_lines(rows))
    plot.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, layer="below", line={"color": GRID})
    for label, colour, symbol, chosen in groups:
        part = rows[chosen]
        plot.add_scatter(
            x=part["predicted_dice"].tolist(),
            y=part["dice"].tolist(),
            mode="markers",
            name=f"{label} ({len(part)})",
            text=[_hover(row) for _, row in part.iterrows()],
            hovertemplate="%{text}<extra></extra>",
            marker={"color": colour, "symbol": symbol, "size": 7},
        )
    plot.add_hline(y=dice_threshold, line={"color": SOFT, "width": 1, "dash": "dash"})
    plot.update_yaxes(range=[-0.02, 1.02])
    low = float(np.floor(10 * rows["predicted_dice"].min()) / 10) if len(rows) else 0.0
    plot.update_xaxes(range=[min(low, 0.8) - 0.02, 1.02])
    return styled(plot, "predicted Dice", "true Dice")


def _interval_lines(rows: pd.DataFrame) -> Any:
    from plotly import graph_objects as go

    gap = np.full(len(rows), np.nan)
    across = np.column_stack([rows["predicted_dice"], rows["predicted_dice"], gap]).ravel()
    up = np.column_stack([rows["dice_low"], rows["dice_high"], gap]).ravel()
    return go.Scatter(
        x=[None if np.isnan(value) else value for value in across],
        y=[None if np.isnan(value) else value for value in up],
        mode="lines",
        name="interval",
        hoverinfo="skip",
        line={"color": "rgba(28,110,140,0.22)", "width": 1.5},
    )


def _hover(row: pd.Series) -> str:
    return (
        f"<b>{escape(str(row['case_id']))}</b>, site {escape(str(row['site']))}<br>"
        f"true Dice {row['dice']:.3f}, predicted {row['predicted_dice']:.3f}<br>"
        f"interval {row['dice_low']:.2f} to {row['dice_high']:.2f}"
        f"{'' if row['covered'] else ' (missed)'}<br>"
        f"{'accepted' if row['accept'] else 'referred: ' + reason_in_words(row['reason'])}"
    )


def risk_against_coverage(
    rows: pd.DataFrame, settings: Mapping[str, Any], threshold: float | None
) -> Any:
    """Draw the share of bad cases among the accepted over the share accepted.

    Parameters
    ----------
    rows : DataFrame
        Rows of one structure of `ShownCases`; not empty.
    settings : mapping
        Of the gate: ``dice_threshold`` and ``tolerated_error``.
    threshold : float or None
        The certified accept threshold, which is marked.

    Returns
    -------
    plotly Figure

    Notes
    -----
    Guarantee: none; the curve is a description of these cases.
    """
    from plotly import graph_objects as go

    curve = risk_coverage(rows["accept_score"], rows["dice"], settings["dice_threshold"])
    share = [f"{score:.2f}" if np.isfinite(score) else "never accepted" for score in curve.score]
    plot = go.Figure()
    for label, risk, colour, dash in (
        (f"share with Dice ≤ {settings['dice_threshold']:g}", curve.bad_share, ACCEPTED, "solid"),
        ("mean of 1 − Dice", curve.mean_loss, SOFT, "dot"),
    ):
        plot.add_scatter(
            x=curve.coverage.tolist(),
            y=risk.tolist(),
            mode="lines",
            name=label,
            text=share,
            line={"color": colour, "width": 2, "dash": dash},
            hovertemplate="accepting %{x:.0%}: %{y:.1%}<br>accept score ≥ %{text}<extra></extra>",
        )
    plot.add_hline(
        y=settings["tolerated_error"],
        line={"color": WRONG, "width": 1, "dash": "dash"},
        annotation={"text": "tolerated", "font": {"size": 11, "color": WRONG}, "xanchor": "right"},
    )
    if threshold is not None:
        accepted = float((rows["accept_score"] >= threshold).mean())
        plot.add_vline(
            x=accepted,
            line={"color": INK, "width": 1.5},
            annotation={"text": f"certified: {accepted:.0%}", "font": {"size": 11}},
            annotation_position="top left" if accepted > 0.6 else "top right",
        )
    plot.update_xaxes(range=[0, 1.02], tickformat=".0%")
    top = max(float(curve.bad_share.max()), 2 * settings["tolerated_error"])
    plot.update_yaxes(range=[0, min(1.0, top) * 1.08], tickformat=".0%")
    return styled(plot, "share accepted", "among the accepted")


def embedded_cases(
    points: NDArray[np.float64], values: Sequence[float], case_ids: Sequence[str], metric: str
) -> Any:
    """Draw where a net puts cases, coloured by a number of each.

    Parameters
    ----------
    points : ndarray of float, shape ``(cases, 2)``
        From `embedding_plane`.
    values : sequence of float
        One for each case, for example its predicted Dice.
    case_ids : sequence of str
    metric : str
        What the values are.

    Returns
    -------
    plotly Figure

    Notes
    -----
    Guarantee: none.
    """
    from plotly import graph_objects as go

    plot = go.Figure()
    plot.add_scatter(
        x=points[:, 0].tolist(),
        y=points[:, 1].tolist(),
        mode="markers",
        text=[
            f"<b>{escape(case)}</b><br>{escape(metric)} {value:.3f}"
            for case, value in zip(case_ids, values, strict=True)
        ],
        hovertemplate="%{text}<extra></extra>",
        marker={
            "color": [float(value) for value in values],
            "colorscale": [[0.0, WRONG], [0.5, LINES[2]], [1.0, ACCEPTED]],
            "colorbar": {"title": {"text": metric}, "thickness": 12},
            "size": 8,
        },
    )
    return styled(plot, "first principal component", "second principal component")
