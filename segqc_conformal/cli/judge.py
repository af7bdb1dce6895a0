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
    dicom: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="DICOM series of the cases, CASE/ or CASE.dcm: writes a DICOM SR per case beside "
            "the JSON files. Needs --sidecar.",
        ),
    ] = None,
    maps: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Maps that segqc extract --maps wrote: adds a DICOM SEG of the uncertain voxels. "
            "Needs --dicom.",
        ),
    ] = None,
) -> None:
    """Judge new cases: Dice interval, accept or refer, and why. Every case that goes in comes out.

    Example: segqc judge calibration/ features.parquet --out verdicts.parquet

    For a PACS: segqc judge calibration/ features.parquet --out verdicts.parquet
      --sidecar verdicts/ --dicom images/ --maps maps/
    """
    import pandas as pd

    from segqc_conformal.cli.tables import print_frame
    from segqc_conformal.errors import InputError
    from segqc_conformal.features.table import read_table, write_table
    from segqc_conformal.gate import CalibratedGate
    from segqc_conformal.mask_file import find_masks
    from segqc_conformal.reports.dicom_verdicts import write_dicom_verdicts
    from segqc_conformal.sidecar import write_sidecars

    if (dicom and not sidecar) or (maps and not dicom):
        raise InputError(
            "--sidecar with --dicom, and --dicom with --maps", "one without", "give both"
        )
    if masks is not None and sidecar is None:
        raise InputError("--sidecar with --masks", "--masks alone", "add --sidecar DIR")
    found = None if masks is None else find_masks(masks)
    gate = CalibratedGate.load(calibration)
    verdicts = gate.judge(read_table(features))
    write_table(verdicts, out)
    if sidecar is not None:
        write_sidecars(gate, verdicts, sidecar, found)
    unwritten: dict[str, str] = {}
    if dicom is not None and sidecar is not None:
        unwritten = write_dicom_verdicts(verdicts, gate.certificate, dicom, sidecar, maps=maps)
    structure = pd.Categorical(verdicts["structure"], verdicts["structure"].unique())
    counts = verdicts.groupby([structure, "reason"], observed=True).size().rename("cases")
    print_frame(counts.rename_axis(["structure", "reason"]).reset_index(), "Verdicts")
    print(f"{verdicts['case_id'].nunique()} cases, verdicts in {out}")
    refused = verdicts.loc[verdicts["reason"].isin(["input_error", "unknown_group"]), "message"]
    if len(refused):
        commonest = refused.value_counts()
        print(f"most frequent fault ({commonest.iloc[0]} rows): {commonest.index[0]}")
    for why in unwritten.values():
        print(f"no DICOM report: {why}")
    if len(refused) == len(verdicts) > 0 or unwritten:
        raise typer.Exit(1)
