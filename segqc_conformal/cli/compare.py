"""`segqc compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["compare"]


def compare(
    features: Annotated[Path, typer.Argument(help="Feature table with dice (.parquet, .csv).")],
    predictor: Annotated[
        list[str] | None,
        typer.Option(help="Column that holds a predicted Dice; give it again for more."),
    ] = None,
    voxels: Annotated[
        Path | None, typer.Option(help="Counted voxels (`write_voxel_errors`, .json).")
    ] = None,
    dice_threshold: Annotated[float, typer.Option(help="A mask is bad at or below this.")] = 0.8,
    seed: Annotated[int, typer.Option(help="Seed of patient split and bootstrap.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Write it here as well (.html, .csv, .parquet, .json).")
    ] = None,
) -> None:
    """Compare single features with the default combination, on patients that fitted nothing."""
    from segqc_conformal.cli.tables import print_frame
    from segqc_conformal.evaluation.comparison import compare_predictors
    from segqc_conformal.evaluation.voxel_errors import read_voxel_errors
    from segqc_conformal.features.table import read_table
    from segqc_conformal.reports.comparison import write_comparison

    counted = read_voxel_errors(voxels) if voxels is not None else None
    found = compare_predictors(
        read_table(features), dice_threshold, seed, predictors=predictor or ()
    )
    print_frame(found.overview, "Quality predictors, the best AURC first")
    print("AURC by the rectangle convention; difference to the best single feature, 95 % interval.")
    if out is not None:
        print(write_comparison(out, found, counted))
