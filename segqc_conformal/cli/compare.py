"""`segqc compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["compare"]


def compare(
    features: Annotated[Path, typer.Argument(help="Feature table with dice (.parquet, .csv).")],
    dice_threshold: Annotated[float, typer.Option(help="A mask is bad at or below this.")] = 0.8,
    seed: Annotated[int, typer.Option(help="Seed of the patient split.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Write it here as well (.html, .csv, .parquet).")
    ] = None,
) -> None:
    """Compare single features with the default combination, on patients that fitted nothing."""
    from segqc_conformal.cli.tables import print_frame
    from segqc_conformal.features.table import read_table
    from segqc_conformal.reports.comparison import compare_predictors, write_comparison

    frame = compare_predictors(read_table(features), dice_threshold, seed)
    print_frame(frame, "Quality predictors, the best AURC first")
    if out is not None:
        print(write_comparison(out, frame))
