"""`segqc review`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["review"]


def review(
    verdicts: Annotated[Path, typer.Argument(help="Verdict table (.parquet, .csv).")],
    out: Annotated[Path, typer.Option(help="Work list to write (.html, .csv, .parquet).")],
) -> None:
    """Write the work list for a human: referred cases, the most doubtful first, and why."""
    from segqc_conformal.features.table import read_table
    from segqc_conformal.reports.work_list import work_list, write_work_list

    table = read_table(verdicts)
    print(f"{len(work_list(table))} cases to look at: {write_work_list(out, table)}")
