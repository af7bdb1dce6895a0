"""The comparison by evidently, with our own evidence in it: the only place that runs evidently."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["DriftSnapshot", "MonitorFigure", "drift_snapshot"]

FIGURES = "figures of the monitors"
DRIFT_SHARE = 0.5  # of the columns, from which on evidently calls the whole table drifted


@dataclass(frozen=True)
class MonitorFigure:
    """A figure of our monitors, to stand in an evidently report.

    Parameters
    ----------
    kind : {"log evidence", "audited risk"}
        Figures of one kind are drawn in one panel of a workspace.
    name : str
        The same in every report of a project, so that its course can be drawn.
    value : float
        Infinite or missing values are left out.
    below : float or None
        An evidently test says whether the value lies below it; None: no test.

    Notes
    -----
    Guarantee: that of the monitor; evidently computes nothing of it.
    """

    kind: str
    name: str
    value: float
    below: float | None = None


@dataclass(frozen=True)
class DriftSnapshot:
    """An evidently report, ready to be put into a page or a workspace.

    Parameters
    ----------
    html : str
        A complete HTML document; "" where there was nothing to compare.
    p_values : dict of str to float
        Kolmogorov-Smirnov p-value of each compared column; descriptive.
    run : evidently Snapshot or None
        None where there was nothing to compare.

    Notes
    -----
    Guarantee: none; descriptive.
    """

    html: str
    p_values: dict[str, float]
    run: Any


def drift_snapshot(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    figures: Sequence[MonitorFigure] = (),
    *,
    threshold: float = 0.001,
    tags: Sequence[str] = (),
    now: datetime | None = None,
) -> DriftSnapshot:
    """Compare two tables column by column with evidently.

    Parameters
    ----------
    reference, current : DataFrame of float
        One row per case, the same columns; of each, finite values that differ: evidently refuses
        the whole report otherwise (`not_comparable`). Infinite values count as missing.
    figures : sequence of MonitorFigure
        Shown as metrics of their own.
    threshold : float
        Drift is called where the p-value of the Kolmogorov-Smirnov test is below it.
    tags : sequence of str
        Of the run, in a workspace.
    now : datetime, optional
        Of the run; None: the time of the call.

    Returns
    -------
    DriftSnapshot

    Notes
    -----
    Guarantee: none. The p-values are not corrected for the number of columns or reports; alarms
    come from the monitors alone. Method and threshold are always said, because evidently's
    defaults change with the number of reference rows. Nothing is sent anywhere.
    """
    figures = [figure for figure in figures if math.isfinite(figure.value)]
    if reference.columns.empty and not figures:
        return DriftSnapshot("", {}, None)
    tables = [
        table.astype(np.float64).replace([np.inf, -np.inf], np.nan).reset_index(drop=True)
        for table in (current, reference)
    ]
    without_statistics()
    with warnings.catch_warnings():
        # its own imports are deprecated here and there, which no reader of a report can mend
        warnings.simplefilter("ignore")
        run = _run(tables, figures, threshold, list(tags), now)
        return DriftSnapshot(run.get_html_str(as_iframe=False), _p_values(run.dict()), run)


def without_statistics() -> None:
    """Keep evidently from sending usage statistics; to be called before it is imported."""
    os.environ["DO_NOT_TRACK"] = "1"


def _run(
    tables: Sequence[pd.DataFrame],
    figures: Sequence[MonitorFigure],
    threshold: float,
    tags: list[str],
    now: datetime | None,
) -> Any:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset
    from evidently.tests import lt

    used = list(tables[0].columns)
    metrics: list[Any] = [
        _figure_metric()(
            kind=each.kind,
            name=each.name,
            tests=[] if each.below is None else [lt(each.below)],
        )
        for each in figures
    ]
    if used:
        drift = DataDriftPreset(
            columns=used, num_method="ks", num_threshold=threshold, drift_share=DRIFT_SHARE
        )
        metrics.insert(0, drift)
    definition = DataDefinition(numerical_columns=used)
    datasets = [
        Dataset.from_pandas(
            table if used else pd.DataFrame({"row": [0.0]}), data_definition=definition
        )
        for table in tables
    ]
    # beside the metrics and not in them: a metric is known by its settings, and its course over
    # runs is drawn only while they stay the same
    told = pd.DataFrame({f"{each.kind}: {each.name}": [each.value] for each in figures})
    beside = {FIGURES: told} if figures else None
    report = Report(metrics, include_tests=False, tags=tags)
    return report.run(*datasets, timestamp=now, additional_data=beside)


def _p_values(result: dict[str, Any]) -> dict[str, float]:
    return {
        metric["config"]["column"]: float(metric["value"])
        for metric in result["metrics"]
        if metric["config"]["type"].endswith(":ValueDrift")
    }


@lru_cache(maxsize=1)
def _figure_metric() -> Any:
    from evidently.core.metric_types import SingleValueCalculation, SingleValueMetric
    from evidently.legacy.renderers.html_widgets import CounterData, WidgetSize, counter

    class MonitorFigureMetric(SingleValueMetric):  # type: ignore[misc]
        kind: str
        name: str

    class MonitorFigureCalculation(SingleValueCalculation[MonitorFigureMetric]):  # type: ignore[misc]
        def calculate(self, context: Any, current_data: Any, reference_data: Any) -> Any:
            told = context.additional_data[FIGURES].as_dataframe()
            value = float(told[f"{self.metric.kind}: {self.metric.name}"].iloc[0])
            result = self.result(value)
            shown = CounterData(self.display_name(), f"{value:.3f}")
            result.widget = [counter(counters=[shown], size=WidgetSize.HALF)]
            return result

        def display_name(self) -> str:
            return f"{self.metric.kind}: {self.metric.name} (by the monitors, not by evidently)"

    return MonitorFigureMetric
