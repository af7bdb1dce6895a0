"""The plots of the page of `segqc plan`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from segqc_conformal.calibrators.worst_shift import worst_rate
from segqc_conformal.coverage_spread import CoverageSpread
from segqc_conformal.planning_words import per_cent
from segqc_conformal.reports.page import percent
from segqc_conformal.reports.plots import INK, LINES, SOFT, WRONG, styled
from segqc_conformal.study_plan import StudyPlan

__all__ = ["coverage_by_patients", "error_by_shift", "sizes_by_share"]

BAND = "rgba(28,110,140,0.16)"


def sizes_by_share(plan: StudyPlan) -> Any:
    """Draw calibration patients for an 80 % chance over the share accepted, a line per error.

    Returns
    -------
    plotly Figure

    Notes
    -----
    Guarantee: none.
    """
    from plotly import graph_objects as go

    plot = go.Figure()
    errors = sorted({size.error for size in plan.curves})
    for error, colour in zip(errors, LINES, strict=False):
        sizes = [size for size in plan.curves if size.error == error]
        plot.add_scatter(
            x=[size.accepted_share for size in sizes],
            y=[size.patients for size in sizes],
            mode="lines+markers",
            name=f"{per_cent(error)} bad",
            line={"color": colour, "width": 2},
            marker={"size": 5},
            hovertemplate="%{x:.0%} accepted: %{y} patients<extra>%{fullData.name}</extra>",
        )
    plot.update_xaxes(range=[0.05, 1.02], tickformat=".0%")
    plot.update_yaxes(type="log", tickvals=[20, 50, 100, 200, 500, 1000, 2000, 4000])
    return styled(plot, "share accepted", "calibration patients")


def coverage_by_patients(plan: StudyPlan) -> Any:
    """Draw where the coverage of one calibration lies, over its size.

    Returns
    -------
    plotly Figure

    Notes
    -----
    Guarantee: none by itself, see `coverage_spread`.
    """
    from plotly import graph_objects as go

    plot = go.Figure()
    _add_band(plot, plan.coverage)
    sure = f"with {percent(plan.confidence)} confidence: mean"
    for spreads, name, colour in (
        (plan.coverage, "averaged: mean", LINES[0]),
        (plan.pac_coverage, sure, LINES[2]),
    ):
        plot.add_scatter(
            x=[spread.patients for spread in spreads],
            y=[spread.mean for spread in spreads],
            mode="lines",
            name=name,
            line={"color": colour, "width": 2},
            hovertemplate="%{x} patients: %{y:.1%}<extra>%{fullData.name}</extra>",
        )
    plot.add_hline(y=1.0 - plan.miscoverage, line={"color": WRONG, "width": 1, "dash": "dash"})
    ticks = [10, 20, 50, 100, 200, 500, 1000]
    plot.update_xaxes(type="log", tickvals=ticks)
    plot.update_yaxes(tickformat=".0%")
    return styled(plot, "calibration patients", "coverage of new patients")


def _add_band(plot: Any, spreads: Sequence[CoverageSpread]) -> None:
    there = [spread.patients for spread in spreads]
    plot.add_scatter(
        x=there + there[::-1],
        y=[spread.high for spread in spreads] + [spread.low for spread in spreads][::-1],
        mode="lines",
        fill="toself",
        fillcolor=BAND,
        line={"width": 0},
        name="averaged: 5 to 95 %",
        hoverinfo="skip",
    )


def error_by_shift(plan: StudyPlan) -> Any:
    """Draw the worst share of bad masks among the accepted over the shift, by share accepted.

    Returns
    -------
    plotly Figure

    Notes
    -----
    Guarantee: see `worst_rate`.
    """
    from plotly import graph_objects as go

    plot = go.Figure()
    shifts = np.linspace(0.0, 0.1, 21)
    shares = [shift.accepted_share for shift in plan.shifts if shift.promise == "accept"]
    for share, colour in zip(shares, LINES, strict=False):
        plot.add_scatter(
            x=shifts.tolist(),
            y=[worst_rate(plan.tolerated_error, float(shift), share) for shift in shifts],
            mode="lines",
            name=f"{percent(share)} accepted",
            line={"color": colour, "width": 2},
            hovertemplate="shift %{x:.1%}: at most %{y:.1%}<extra>%{fullData.name}</extra>",
        )
    plot.add_scatter(
        x=shifts.tolist(),
        y=[worst_rate(plan.miscoverage, float(shift)) for shift in shifts],
        mode="lines",
        name="interval misses",
        line={"color": SOFT, "width": 2, "dash": "dot"},
        hovertemplate="shift %{x:.1%}: at most %{y:.1%}<extra>%{fullData.name}</extra>",
    )
    plot.add_hline(y=plan.tolerated_error, line={"color": INK, "width": 1, "dash": "dash"})
    plot.update_xaxes(range=[0, 0.1], tickformat=".0%")
    plot.update_yaxes(rangemode="tozero", tickformat=".0%")
    return styled(plot, "new patients of a kind never seen", "worst rate")
