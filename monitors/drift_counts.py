"""Counts of columns in fixed bins: one pass over any number of cases, and shards that add up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import FileFormatError, InputError, on_one_line

__all__ = ["DriftCounts", "bin_edges", "counted_files"]

SCHEMA = "drift-counts/1"
BINS = 20
BATCH_ROWS = 1 << 16
ALL = "all"


def bin_edges(values: ArrayLike, bins: int = BINS) -> list[float]:
    """Return edges between which the values lie equally often.

    Parameters
    ----------
    values : array_like of float
        Of the calibration cases; what is not finite is left out.
    bins : int
        At most so many bins; fewer where values tie.

    Returns
    -------
    list of float
        Rising inner edges: one fewer than bins. Empty where no value is finite.

    Notes
    -----
    Guarantee: none (arithmetic).

    Examples
    --------
    >>> bin_edges([0.0, 1.0, 2.0, 3.0, 4.0], bins=4)
    [1.0, 2.0, 3.0]
    """
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return []
    edges: NDArray[np.float64] = np.unique(np.quantile(finite, np.linspace(0, 1, bins + 1)[1:-1]))
    return [float(edge) for edge in edges]


class DriftCounts:
    """How many cases lie in each bin of each column, and how many have no value.

    Parameters
    ----------
    edges : mapping of str to sequence of float
        Inner edges of each column's bins, rising. A value on an edge lies in the bin above it.

    Attributes
    ----------
    rows : int
        Cases counted.

    Raises
    ------
    InputError
        For edges that do not rise, or are not finite.

    Notes
    -----
    Guarantee: none (arithmetic). Size and time for a case do not depend on the number of cases, and
    the order of cases and shards does not matter. Infinite values count in the outermost bins; NaN,
    and every case where a column is missing, count as missing.

    Examples
    --------
    >>> counts = DriftCounts({"x": [0.0, 1.0]})
    >>> counts.add(pd.DataFrame({"x": [-1.0, 0.5, 0.5, 9.0, None]}))
    >>> counts.of("x").tolist(), counts.missing("x"), counts.rows
    ([1, 2, 1], 1, 5)
    """

    def __init__(self, edges: Mapping[str, Sequence[float]]) -> None:
        self.edges = {name: np.asarray(each, dtype=np.float64) for name, each in edges.items()}
        for name, each in self.edges.items():
            if not (np.isfinite(each).all() and (np.diff(each) > 0).all()):
                raise InputError(
                    f"finite, rising edges of column {name}", each.tolist()[:6], "use bin_edges"
                )
        self._counts = {
            name: np.zeros(each.size + 1, np.int64) for name, each in self.edges.items()
        }
        self.rows = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are counted."""
        return tuple(self.edges)

    def add(self, cases: pd.DataFrame) -> None:
        """Count more cases; columns without edges are not looked at.

        Raises
        ------
        InputError
            If a counted column does not hold numbers.
        """
        found = {name: self._counted(name, cases[name]) for name in self.edges if name in cases}
        for name, counts in found.items():
            self._counts[name] += counts
        self.rows += len(cases)

    def _counted(self, name: str, column: pd.Series) -> NDArray[np.int64]:
        try:
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise InputError(f"numbers in column {name}", error, "leave the column out") from error
        values = values[~np.isnan(values)]
        places = np.searchsorted(self.edges[name], values, side="right")
        return np.bincount(places, minlength=self.edges[name].size + 1)

    def of(self, column: str) -> NDArray[np.int64]:
        """Return the counts of a column by bin."""
        return self._counts[column].copy()

    def missing(self, column: str) -> int:
        """Return in how many cases a column has no value."""
        return self.rows - int(self._counts[column].sum())

    def same_bins(self, other: DriftCounts) -> bool:
        """Whether both count the same columns between the same edges."""
        return self.columns == other.columns and all(
            np.array_equal(self.edges[name], other.edges[name]) for name in self.columns
        )

    @classmethod
    def merged(cls, parts: Iterable[DriftCounts]) -> DriftCounts:
        """Return the counts of all cases of the parts together.

        Raises
        ------
        InputError
            If there are none, or their columns or edges differ.
        """
        parts = list(parts)
        if not parts:
            raise InputError("counts to merge", "none", "count at least one shard")
        out = cls({name: each.tolist() for name, each in parts[0].edges.items()})
        for part in parts:
            if not out.same_bins(part):
                raise InputError(
                    "counts with the same columns and edges",
                    list(part.columns)[:12],
                    "take the edges of one calibration for all shards",
                )
            for name in out.columns:
                out._counts[name] += part._counts[name]
            out.rows += part.rows
        return out

    def to_json(self) -> str:
        """Return everything as JSON."""
        state = {
            "schema": SCHEMA,
            "rows": self.rows,
            "edges": {name: each.tolist() for name, each in self.edges.items()},
            "counts": {name: each.tolist() for name, each in self._counts.items()},
        }
        return json.dumps(state, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> DriftCounts:
        """Read what `to_json` wrote.

        Raises
        ------
        FileFormatError
            If `text` holds no such counts.
        """
        try:
            state: dict[str, Any] = json.loads(text)
            if state["schema"] != SCHEMA:
                raise ValueError(f"schema {state['schema']}")
            out = cls(state["edges"])
            out.rows = int(state["rows"])
            for name in out.columns:
                counts = np.asarray(state["counts"][name], dtype=np.int64)
                if counts.shape != out._counts[name].shape:
                    raise ValueError(f"{counts.size} counts of {name}")
                out._counts[name] = counts
        except (ValueError, KeyError, TypeError, InputError) as error:
            raise FileFormatError(
                f"counts of schema {SCHEMA}", on_one_line(error), "count again"
            ) from error
        return out


def counted_files(
    files: Iterable[str | Path],
    edges: Mapping[str, Sequence[float]],
    by: str | None = None,
) -> dict[str, DriftCounts]:
    """Count the cases of Parquet files in one pass, a batch of rows in memory at a time.

    Parameters
    ----------
    files : iterable of str or Path
        Feature tables; a file without a counted column has it missing.
    edges : mapping of str to sequence of float
        As for `DriftCounts`.
    by : str, optional
        Column whose values are counted apart, for example "site".

    Returns
    -------
    dict of str to DriftCounts
        By value of `by`; "all" without it.

    Raises
    ------
    InputError
        If a file lacks the column `by`.
    FileFormatError
        If a file is no Parquet file.

    Notes
    -----
    Guarantee: none (arithmetic).
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: dict[str, DriftCounts] = {} if by else {ALL: DriftCounts(edges)}
    for path in files:
        try:
            file = pq.ParquetFile(path)
            present = file.schema_arrow.names
            wanted = [name for name in (*edges, *([by] if by else [])) if name in present]
            batches = file.iter_batches(BATCH_ROWS, columns=wanted)
            for batch in batches:
                _count_batch(found, batch.to_pandas(), batch.num_rows, edges, by)
        except (OSError, pa.ArrowInvalid) as error:
            raise FileFormatError(
                "a Parquet file", f"{path}: {on_one_line(error)}", "check path and content"
            ) from error
    return found


def _count_batch(
    found: dict[str, DriftCounts],
    cases: pd.DataFrame,
    rows: int,
    edges: Mapping[str, Sequence[float]],
    by: str | None,
) -> None:
    if by is None:
        found[ALL].add(cases if len(cases.columns) else pd.DataFrame(index=range(rows)))
        return
    if by not in cases:
        raise InputError(f"a column {by}", list(cases.columns)[:12], "add it, or count together")
    for value, part in cases.groupby(by, sort=False):
        found.setdefault(str(value), DriftCounts(edges)).add(part)
