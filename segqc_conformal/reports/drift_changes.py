"""What changed since the calibration: scores, quantities and sites, then and now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from segqc_conformal.gate import CalibratedGate
from segqc_conformal.reports.drift_columns import changes
from segqc_conformal.reports.page import Section, figure, number, paragraph, percent, table
from segqc_conformal.reports.plots import ACCEPTED, REFERRED, styled
from segqc_conformal.reports.promise_sections import display_name
from segqc_conformal.reports.shown_cases import structures_in_order

__all__ = ["per_site", "what_changed"]

CHANGES_SHOWN = 10


def what_changed(
    gate: CalibratedGate, then: pd.DataFrame, now: pd.DataFrame, current: pd.DataFrame
) -> Section:
    """Show the accept scores then and now, and the quantities whose middle moved most."""
    before = gate.compared_with
    panels = []
    for name in structures_in_order(gate):
        threshold = gate.certificate.structures[name].threshold
        scores = [rows.loc[rows["structure"] == name, "accept_score"] for rows in (before, current)]
        if all(np.isfinite(values).any() for values in scores):
            shares = [_accepted(values, threshold) for values in scores]
            panels.append(
                figure(
                    _score_plot(scores, threshold),
                    display_name(name),
                    f"Accepted: {shares[0]} of calibration cases, {shares[1]} of recent ones.",
                )
            )
    moved = changes(then, now).head(CHANGES_SHOWN)
    rows = [
        (
            row["column"],
            number(row["median_then"], 3),
            number(row["median_now"], 3),
            f"{row['moved']:+.1f}".replace("-", "−"),
        )
        for row in moved.to_dict("records")
    ]
    head = ("structure: quantity", "median at calibration", "median now", "moved (in SDs)")
    text = paragraph(
        "Accept scores of calibration cases and of recent cases; the line is the certified "
        "threshold. Below: the quantities whose middle moved most, in units of their spread at "
        "calibration. This describes and ranks; it is no test."
    )
    listed = table(head, rows) if rows else paragraph("There is no column to compare.")
    return Section("What changed", f'{text}<div class="grid">{"".join(panels)}</div>{listed}')


def _accepted(scores: pd.Series, threshold: float | None) -> str:
    return percent(0.0 if threshold is None else float((scores >= threshold).mean()))


def _score_plot(scores: Sequence[pd.Series], threshold: float | None) -> Any:
    from plotly import graph_objects as go

    finite = [values[np.isfinite(values)] for values in scores]
    edges = np.histogram_bin_edges(np.concatenate(finite), bins=30)
    plot = go.Figure()
    for values, label, colour in zip(
        finite, ("calibration", "recent"), (REFERRED, ACCEPTED), strict=True
    ):
        share = np.histogram(values, edges)[0] / len(values)
        plot.add_scatter(
            x=((edges[:-1] + edges[1:]) / 2).tolist(),
            y=share.tolist(),
            name=label,
            mode="lines",
            line={"color": colour, "shape": "hvh", "width": 2},
            fill="tozeroy",
            hovertemplate="accept score %{x:.2f}: %{y:.1%}<extra>" + label + "</extra>",
        )
    if threshold is not None:
        plot.add_vline(x=threshold, line={"width": 1.5})
    plot.update_yaxes(tickformat=".0%")
    return styled(plot, "accept score", "share of cases", height=280)


def per_site(gate: CalibratedGate, current: pd.DataFrame) -> Section:
    """Show per site cases, middle accept score and empty predictions, at calibration and now."""
    name = structures_in_order(gate)[0]
    counts = []
    for rows in (gate.compared_with, current):
        rows = rows[rows["structure"] == name]
        sites = rows["site"] if "site" in rows else pd.Series("unknown", index=rows.index)
        empty = rows["accept_score"] == -np.inf
        middle = rows["accept_score"].groupby(sites).median()
        counts.append((sites.value_counts(), empty.groupby(sites).sum(), middle, max(len(rows), 1)))
    (before, empty_then, middle_then, all_then), (after, empty_now, middle_now, all_now) = counts
    rows_shown = []
    for site in sorted(set(before.index) | set(after.index)):
        then, now = int(before.get(site, 0)), int(after.get(site, 0))
        note = "new: not calibrated" if not then else "no recent case" if not now else ""
        rows_shown.append(
            (
                site,
                f"{then} ({percent(then / all_then)})",
                f"{now} ({percent(now / all_now)})",
                number(middle_then.get(site)),
                number(middle_now.get(site)),
                int(empty_then.get(site, 0)),
                int(empty_now.get(site, 0)),
                note,
            )
        )
    head = (
        "site",
        "calibration cases",
        "recent cases",
        "median accept score then",
        "median accept score now",
        "without score then",
        "without score now",
        "note",
    )
    text = paragraph(
        "A shift between sites is a change of its own; a score that fell at one site alone points "
        "there. Cases without a score have an empty "
        "predicted structure or could not be judged; they are always referred."
    )
    return Section("Cases per site", text + table(head, rows_shown))
