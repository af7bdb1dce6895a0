"""The only place that touches evidently's workspace: a project whose runs `evidently ui` shows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segqc_conformal.adapters.evidently_report import DriftSnapshot, without_statistics
from segqc_conformal.errors import FileFormatError, on_one_line

__all__ = ["add_to_workspace"]


def add_to_workspace(folder: str | Path, project: str, snapshot: DriftSnapshot) -> None:
    """Add a report as a run of a project; make folder and project where they are missing.

    Parameters
    ----------
    folder : path
        Of the workspace, as ``evidently ui --workspace`` opens it.
    project : str
        Found by its name.
    snapshot : DriftSnapshot
        One with nothing to compare adds no run.

    Raises
    ------
    FileFormatError
        If the folder cannot be read as a workspace.

    Notes
    -----
    Guarantee: what is stored has no rows, no ids and no value of a case but the smallest and the
    largest of a column, which are the ends of its histogram: counts, p-values, the names of sites
    and the monitors' figures.
    """
    without_statistics()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently.core.report import Snapshot
        from evidently.ui.workspace import Workspace

        if snapshot.run is None:
            return
        counts = Snapshot.load_dict(_counts_only(snapshot.run.dump_dict()))
        try:
            workspace = Workspace.create(str(folder))
            named = [each for each in workspace.list_projects() if each.name == project]
            found = named[0] if named else _new_project(workspace, project)
            workspace.add_run(found.id, counts, include_data=False)
        except (OSError, ValueError) as error:
            raise FileFormatError(
                f"a folder of an evidently workspace in {folder}",
                on_one_line(error),
                "name a new folder, or restore this one",
            ) from error


def _new_project(workspace: Any, name: str) -> Any:
    from evidently.sdk.models import PanelMetric
    from evidently.sdk.panels import line_plot_panel

    project = workspace.create_project(name, "Made by `segqc monitor report --workspace`.")
    drifted = PanelMetric(
        legend="share", metric="DriftedColumnsCount", metric_labels={"value_type": "share"}
    )
    panels = [("Share of drifted columns", "One test a column, uncorrected: descriptive.", drifted)]
    for kind, words in (
        ("log evidence", "Of the monitors, by stream, against “nothing changed”."),
        ("audited risk", "Share of audited cases that broke a promise, with its two ends."),
    ):
        figures = PanelMetric(
            legend="{{name}}", metric="MonitorFigureMetric", metric_labels={"kind": kind}
        )
        panels.append((kind.capitalize(), words, figures))
    for title, words, values in panels:
        project.dashboard.add_panel(
            line_plot_panel(title=title, description=words, values=[values])
        )
    return project


def _counts_only(dumped: Any) -> Any:
    """Leave out the graphs that draw the values of single cases, and what refers to them."""
    return _without(dumped, frozenset(_graphs_of_values(dumped)))


def _graphs_of_values(dumped: Any) -> Iterator[str]:
    for part in _parts(dumped):
        data = (part.get("params") or {}).get("data") if "params" in part else None
        traces = [each for each in data or () if isinstance(each, dict) and "type" in each]
        if any(trace["type"] != "bar" for trace in traces):
            yield part["id"]


def _parts(dumped: Any) -> Iterator[dict[str, Any]]:
    if isinstance(dumped, dict):
        yield dumped
    if isinstance(dumped, dict | list):
        for each in dumped.values() if isinstance(dumped, dict) else dumped:
            yield from _parts(each)


def _without(dumped: Any, graphs: frozenset[str]) -> Any:
    if isinstance(dumped, dict):
        return {name: _without(each, graphs) for name, each in dumped.items()}
    if isinstance(dumped, list):
        return [_without(each, graphs) for each in dumped if not _draws(each, graphs)]
    return dumped


def _draws(part: Any, graphs: frozenset[str]) -> bool:
    """Whether an entry of a list is such a graph, a tab that holds it, or its name."""
    if not isinstance(part, dict):
        return False
    inside = part.get("widget")
    return part.get("id") in graphs or (isinstance(inside, dict) and inside.get("id") in graphs)
