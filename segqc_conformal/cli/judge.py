"""`segqc judge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["judge"]


def judge(
    calibration: Annotated[Path, typer.Argument(help="Calibration folder.")],
    features: Annotated[Path, typer.Argument(help="Feature table of new cases.")],
    out: Annotated[Path, typer.Option(help="Verdict table to write (.parquet, .csv).")],
    sidecar: Annotated[
        Path | None, typer.Option(help="Folder for one JSON file per case as well.")
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            help="The judged masks, CASE.nii.gz: their geometry and SHA-256 go into the sidecars."
        ),
    ] = None,
) -> None:
    """Judge new cases: Dice interval, accept or refer, and why. Every case that goes in comes out.

    Example: segqc judge calibration/ features.parquet --out verdicts.parquet
    """
    import pandas as pd

    from segqc_conformal.cli.tables import print_frame
    from segqc_conformal.errors import InputError
    from segqc_conformal.features.table import read_table, write_table
    from segqc_conformal.gate import CalibratedGate
    from segqc_conformal.mask_file import find_masks
    from segqc_conformal.sidecar import write_sidecars

    if masks is not None and sidecar is None:
        raise InputError("--sidecar with --masks", "--masks alone", "add --sidecar DIR")
    found = None if masks is None else find_masks(masks)
    gate = CalibratedGate.load(calibration)
    verdicts = gate.judge(read_table(features))
    write_table(verdicts, out)
    if sidecar is not None:
        write_sidecars(gate, verdicts, sidecar, found)
    structure = pd.Categorical(verdicts["structure"], verdicts["structure"].unique())
    counts = verdicts.groupby([structure, "reason"], observed=True).size().rename("cases")
    print_frame(counts.rename_axis(["structure", "reason"]).reset_index(), "Verdicts")
    print(f"{verdicts['case_id'].nunique()} cases, verdicts in {out}")
    refused = verdicts.loc[verdicts["reason"].isin(["input_error", "unknown_group"]), "message"]
    if len(refused):
        commonest = refused.value_counts()
        print(f"most frequent fault ({commonest.iloc[0]} rows): {commonest.index[0]}")
    if len(refused) == len(verdicts) > 0:
        raise typer.Exit(1)
