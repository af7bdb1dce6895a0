"""Drift numbers from counts, in one pass over Parquet files, beside evidently's drift preset.

``python benchmarks/drift_counts.py`` prints seconds, peak memory above the start, and ratios for
growing numbers of cases and 20 columns. Each figure comes from a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from markdown_table import table

COLUMNS = [f"feature_{number}" for number in range(20)]
SIZES = (10_000, 100_000, 1_000_000)
LARGEST_FOR_EVIDENTLY = 100_000
FILES = 10


def write_cases(folder: Path, rows: int) -> None:
    """Write reference and recent cases, the recent ones in ten files."""
    rng = np.random.default_rng(0)
    for name, shift in (("then", 0.0), ("now", 0.1)):
        for part in range(FILES):
            size = (rows // FILES, len(COLUMNS))
            frame = pd.DataFrame(rng.normal(shift, 1.0, size), columns=COLUMNS)
            frame.to_parquet(folder / f"{name}-{part}.parquet", index=False)


def ours(folder: Path) -> None:
    """Count both sets of files and compare them."""
    from segqc_conformal.monitors import bin_edges, counted_files, drift_numbers

    first = pd.read_parquet(folder / "then-0.parquet").head(1_000)
    edges = {name: bin_edges(first[name]) for name in COLUMNS}
    then, now = (
        counted_files(sorted(folder.glob(f"{name}-*.parquet")), edges)["all"]
        for name in ("then", "now")
    )
    drift_numbers(then, now)


def evidently(folder: Path) -> None:
    """Run the drift preset on the same files."""
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    then, now = (
        pd.concat([pd.read_parquet(file) for file in sorted(folder.glob(f"{name}-*.parquet"))])
        for name in ("then", "now")
    )
    definition = DataDefinition(numerical_columns=COLUMNS)
    sets = [Dataset.from_pandas(frame, data_definition=definition) for frame in (now, then)]
    Report([DataDriftPreset()]).run(*sets)


WAYS = {"ours": ours, "evidently": evidently}


def measured(way: str, folder: Path) -> dict[str, float]:
    """Time one way in this process, imports left out; the highest memory above the imports."""
    if way == "ours":
        import pyarrow.parquet  # noqa: F401

        import segqc_conformal.monitors  # noqa: F401
    else:
        os.environ["DO_NOT_TRACK"] = "1"
        import evidently.presets  # noqa: F401
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = perf_counter()
    WAYS[way](folder)
    seconds = perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "mb": (peak - before) / 1024, "peak_mb": peak / 1024}


def compare(sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """Measure both ways for each number of cases, each in a process of its own."""
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            write_cases(Path(name), size)
            found: dict[str, Any] = {"cases": size}
            for way in WAYS:
                if way == "ours" or size <= LARGEST_FOR_EVIDENTLY:
                    command = [sys.executable, __file__, "--way", way, "--folder", name]
                    out = subprocess.run(command, check=True, capture_output=True, text=True)
                    found[way] = json.loads(out.stdout.splitlines()[-1])
        rows.append(found)
    return rows


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    mine, theirs = row["ours"], row.get("evidently")
    cells = [f"{row['cases']:,}", f"{mine['seconds']:.2f}", f"{mine['peak_mb']:.0f}"]
    if theirs is None:
        return (*cells, "not run", "", "")
    ratio = theirs["seconds"] / mine["seconds"]
    return (*cells, f"{theirs['seconds']:.1f}", f"{theirs['peak_mb']:.0f}", f"{ratio:.0f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--way", choices=list(WAYS))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    options = parser.parse_args()
    if options.way:
        print(json.dumps(measured(options.way, options.folder)))
        return
    head = ("cases", "ours, s", "peak MB", "evidently, s", "peak MB", "times as fast")
    print(table(head, [_line(row) for row in compare(tuple(options.sizes))]))


if __name__ == "__main__":
    main()
