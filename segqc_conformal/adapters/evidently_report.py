"""The only place that touches evidently: a drift report with our own evidence in it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["DriftSnapshot", "drift_snapshot"]


@dataclass(frozen=True)
class DriftSnapshot:
    """An evidently report, ready to be put into a page.

    Parameters
    ----------
    html : str
        A complete HTML document; "" where there was nothing to compare.
    p_values : dict of str to float
        Kolmogorov-Smirnov p-value of each compared column; descriptive.
    left_out : dict of str to str
        Columns that could not be compared, and why.
    rows_reference, rows_current : int
        Rows that were compared, after sampling.

    Notes
    -----
    Guarantee: none; descriptive.
    """

    html: str
    p_values: dict[str, float]
    left_out: dict[str, str]
    rows_reference: int
    rows_current: int


def drift_snapshot(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    columns: Sequence[str],
    evidence: Mapping[str, float],
    *,
    threshold: float = 0.001,
    most_rows: int = 10_000,
    seed: int = 0,
) -> DriftSnapshot:
    """Compare two tables column by column with evidently.

    Parameters
    ----------
    reference, current : DataFrame
        One row per case, numeric columns; infinite values count as missing.
    columns : sequence of str
        Columns to compare. One that is missing, empty or constant is listed, not compared:
        evidently would refuse the whole report.
    evidence : mapping of str to float
        Our log evidence by stream, shown as a metric of its own.
    threshold : float
        Drift is called where the p-value of the Kolmogorov-Smirnov test is below it.
    most_rows : int
        Larger tables are sampled to this size.
    seed : int
        Of the sample.

    Returns
    -------
    DriftSnapshot

    Notes
    -----
    Guarantee: none. The p-values are not corrected for the number of columns or reports; alarms
    come from the monitors alone. Method and threshold are always said, because evidently's
    defaults change with the number of reference rows. Nothing is sent anywhere.
    """
    left_out = {name: why for name in columns if (why := _unusable(reference, current, name))}
    used = [name for name in columns if name not in left_out]
    tables = [_sample(table, used, most_rows, seed) for table in (reference, current)]
    if not used and not evidence:
        return DriftSnapshot("", {}, left_out, len(tables[0]), len(tables[1]))
    html, p_values = _run(tables[0], tables[1], used, evidence, threshold)
    return DriftSnapshot(html, p_values, left_out, len(tables[0]), len(tables[1]))


def _unusable(reference: pd.DataFrame, current: pd.DataFrame, name: str) -> str:
    values = {}
    for place, table in (("calibration", reference), ("recent", current)):
        if name not in table:
            return f"missing in the {place} cases"
        finite = table[name][np.isfinite(table[name].astype(np.float64))]
        if finite.empty:
            return f"no finite value in the {place} cases"
        values[place] = finite
    constant = [
        f"{finite.iloc[0]:g} in the {place} cases"
        for place, finite in values.items()
        if finite.nunique() == 1
    ]
    return f"constant: {', '.join(constant)}" if constant else ""


def _sample(table: pd.DataFrame, used: list[str], most_rows: int, seed: int) -> pd.DataFrame:
    if len(table) > most_rows:
        table = table.sample(most_rows, random_state=seed).sort_index()
    finite = table[used].astype(np.float64).replace([np.inf, -np.inf], np.nan)
    return finite.reset_index(drop=True)


def _run(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    used: list[str],
    evidence: Mapping[str, float],
    threshold: float,
) -> tuple[str, dict[str, float]]:
    # read by evidently when it is imported: no usage statistics
    os.environ["DO_NOT_TRACK"] = "1"
    with warnings.catch_warnings():
        # its own imports are deprecated here and there, which no reader of a report can mend
        warnings.simplefilter("ignore")
        return _report(reference, current, used, evidence, threshold)


def _report(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    used: list[str],
    evidence: Mapping[str, float],
    threshold: float,
) -> tuple[str, dict[str, float]]:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    metrics: list[Any] = [
        _log_evidence_metric()(stream=stream, log_evidence=value)
        for stream, value in evidence.items()
    ]
    if used:
        metrics.append(DataDriftPreset(columns=used, num_method="ks", num_threshold=threshold))
    definition = DataDefinition(numerical_columns=used)
    tables = [
        Dataset.from_pandas(
            table if used else pd.DataFrame({"row": [0.0]}), data_definition=definition
        )
        for table in (current, reference)
    ]
    snapshot = Report(metrics, include_tests=False).run(*tables)
    return snapshot.get_html_str(as_iframe=False), _p_values(snapshot.dict())


def _p_values(result: Mapping[str, Any]) -> dict[str, float]:
    return {
        metric["config"]["column"]: float(metric["value"])
        for metric in result["metrics"]
        if metric["config"]["type"].endswith(":ValueDrift")
    }


@lru_cache(maxsize=1)
def _log_evidence_metric() -> Any:
    from evidently.core.metric_types import SingleValueCalculation, SingleValueMetric

    class LogEvidence(SingleValueMetric):  # type: ignore[misc]
        stream: str
        log_evidence: float

    class LogEvidenceCalculation(SingleValueCalculation[LogEvidence]):  # type: ignore[misc]
        def calculate(self, context: Any, current_data: Any, reference_data: Any) -> Any:
            return self.result(self.metric.log_evidence)

        def display_name(self) -> str:
            return f"log evidence of {self.metric.stream} (by the monitor, not by evidently)"

    return LogEvidence
