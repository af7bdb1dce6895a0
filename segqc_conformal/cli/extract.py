"""`segqc extract`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

__all__ = ["extract"]

_SHOWN = 20  # failed cases and unused files named on screen; the table holds all of them

_OUT = typer.Option(help="Feature table to write, .parquet or .csv.", show_default=False)
_STRUCTURES = typer.Option(
    metavar="NAME=LABEL,...",
    show_default=False,
    help="Foreground classes and their labels, for example anterior=1,posterior=2.",
)
_IMAGES = typer.Option(
    metavar="DIR",
    show_default=False,
    help="Images: CASE.nii.gz, or DICOM series CASE/. Needed with models; with .npz files they "
    "give the grid.",
)
_MASKS = typer.Option(
    metavar="DIR",
    show_default=False,
    help="Deployed masks, CASE.nii.gz or DICOM SEG CASE.dcm: the masks to judge. "
    "Without it the fused mask of the samples is judged.",
)
_REFERENCES = typer.Option(
    metavar="DIR",
    show_default=False,
    help="Reference masks of experts, CASE.nii.gz or CASE.dcm: adds the true Dice where "
    "there is one.",
)
_CASES = typer.Option(
    metavar="CSV",
    show_default=False,
    help="Which cases to take: columns case_id, patient_id and, if known, site and time. Without "
    "it every case found is taken and counts as its own patient (of DICOM: its PatientID).",
)
_MODEL_ID = typer.Option(
    metavar="NAME",
    show_default=False,
    help="Name of the model. Required with saved probabilities; a model is named by its weights.",
)
_ACTIVATION = typer.Option(
    show_default=False,
    help="What turns the output of models into probabilities.  \\[default: softmax]",
)
_CHANNELS = typer.Option(
    show_default=False,
    help="What the channels of saved probabilities mean: exclusive classes, overlapping regions, "
    "or evidence of a Dirichlet.  \\[default: exclusive]",
)
_SCHEMA = typer.Option(
    help="Which features: 'standard' is what quality predictors need, 'full' is everything.",
)
_MAPS = typer.Option(
    metavar="DIR",
    show_default=False,
    help="Save the uncertainty maps and the judged mask of each case there, as NIfTI overlays.",
)
_SPACING = typer.Option(
    metavar="X,Y,Z",
    show_default=False,
    help="Voxel size in mm, for .npz files without 'spacing_mm' and without image or mask.",
)
_SHARD = typer.Option(
    metavar="I/N|N",
    show_default=False,
    help="I/N: extract this part of N alone, into the folder OUT.shards; skipped if it is there. "
    "N: all N parts, then the table of them.",
)
_RAY = typer.Option(
    "--ray",
    help="Extract the parts on a Ray cluster (RAY_ADDRESS), or through Ray on this machine; needs "
    "--shard N.",
)
_WORKERS = typer.Option(
    metavar="N",
    show_default=False,
    help="Ray workers at most, one core each, and one GPU where there are any.  "
    "\\[default: cores of this machine]",
)

_TRUST_CONFIG = typer.Option(
    "--trust-config",
    help="Let the config of a MONAI bundle run code. It can run any Python: read it first.",
)


def extract(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            show_default=False,
            help="Folder of saved probabilities; or models: .pt2, .ts, .pt, .onnx files or MONAI "
            "bundles (a folder, or separated by commas).",
        ),
    ],
    out: Annotated[Path, _OUT],
    structures: Annotated[str, _STRUCTURES],
    images: Annotated[Path | None, _IMAGES] = None,
    masks: Annotated[Path | None, _MASKS] = None,
    references: Annotated[Path | None, _REFERENCES] = None,
    cases: Annotated[Path | None, _CASES] = None,
    model_id: Annotated[str | None, _MODEL_ID] = None,
    activation: Annotated[
        Literal["softmax", "sigmoid", "none", "evidence", "softplus", "exp", "relu"] | None,
        _ACTIVATION,
    ] = None,
    channels: Annotated[Literal["exclusive", "overlapping", "evidence"] | None, _CHANNELS] = None,
    spacing: Annotated[str | None, _SPACING] = None,
    schema: Annotated[Literal["standard", "full"], _SCHEMA] = "standard",
    maps: Annotated[Path | None, _MAPS] = None,
    shard: Annotated[str | None, _SHARD] = None,
    ray: Annotated[bool, _RAY] = False,
    workers: Annotated[int | None, _WORKERS] = None,
    trust_config: Annotated[bool, _TRUST_CONFIG] = False,
) -> None:
    """Turn probabilities, or a model and images, into a feature table.

    From saved probabilities:

        segqc extract probabilities/ --out features.parquet --model-id nnunet-v3
          --structures anterior=1,posterior=2 --masks masks/ --references labels/

    From an ensemble and images:

        segqc extract fold0.pt2,fold1.pt2 --images images/ --out features.parquet
          --structures anterior=1,posterior=2 --masks masks/ --cases cases.csv

    Saved probabilities of a case are one file CASE.npz with the array
    "probabilities" (samples, classes, x, y, z) and, if possible, "spacing_mm";
    or one file CASE.nii.gz (x, y, z, classes); or a folder CASE/ of such
    NIfTI files, one for each sample.

    Or the folders of nnUNetv2_predict --save_probabilities, separated by commas,
    one for each fold: nnU-Net averages folds that are predicted in one run.

    A model is a .pt2 file (torch.export), .ts or .pt (TorchScript), .onnx, or a
    MONAI bundle. It gets the image as it stands in the file, as
    (1, channels, x, y, z), so it must scale intensities itself; a bundle does
    so by its preprocessing. One model gives one sample; several are an ensemble.

    Files of the same name belong to the same case. A case that cannot be used
    becomes a row that says why; the others go on. After an interruption, run
    the same command again: finished cases are not computed twice.

    A large archive is cut into parts, which any number of machines extract with
    --shard 1/N to N/N; --shard N then joins them, and --ray does all of it.
    """
    from functools import partial

    from rich.console import Console

    from segqc_conformal.cli.parsing import parse_shard, parse_spacing, parse_structures
    from segqc_conformal.features.batch import extract_batch, open_batch
    from segqc_conformal.features.shards import extract_in_shards, extract_shard
    from segqc_conformal.measures.schema import FeatureSchema

    labels, features = parse_structures(structures), FeatureSchema(schema)
    number, of = (None, None) if shard is None else parse_shard(shard)
    _check_shards(shard, number, ray, workers, maps)
    opening = partial(
        open_batch,
        source,
        images=images,
        masks=masks,
        references=references,
        case_list=cases,
        model_id=model_id,
        activation=activation,
        channels=channels,
        spacing_mm=None if spacing is None else parse_spacing(spacing),
        trust_config=trust_config,
    )
    batch = opening()
    notes = Console(stderr=True, highlight=False)
    if cases is None:
        notes.print(
            "Note: no --cases, so each case counts as its own patient (of DICOM: its PatientID), "
            "site 'unknown'."
        )
    if batch.unused:
        names = _listed([str(path) for path in batch.unused])
        notes.print(f"Warning: files that fit no case: {names}", markup=False, soft_wrap=True)
    if of is not None and number is not None:
        part = extract_shard(batch, out, labels, number, of, schema=features)
        print(f"Wrote shard {number} of {of}: {part}")
        return
    if of is None:
        table = extract_batch(batch, out, labels, schema=features, maps_folder=maps)
    else:
        if ray:
            from segqc_conformal.adapters.ray_extraction import extract_shards_with_ray

            extract_shards_with_ray(
                opening, out, labels, of, workers=workers or os.cpu_count() or 1, schema=features
            )
        table = extract_in_shards(batch, out, labels, of, schema=features, progress=not ray)
    _show(table, out)
    if table["failed"].notna().all():
        raise typer.Exit(1)


def _check_shards(
    shard: str | None, number: int | None, ray: bool, workers: int | None, maps: Path | None
) -> None:
    from segqc_conformal.errors import InputError

    if shard is not None and maps is not None:
        raise InputError(
            "--shard without --maps", f"--maps {maps}", "leave one out: shards hold features alone"
        )
    if ray and (shard is None or number is not None):
        raise InputError("--shard N with --ray", f"--shard {shard}", "say how many parts to cut")
    if workers is not None and not ray:
        raise InputError("--workers with --ray", "no --ray", "add it, or leave --workers out")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _show(table: pd.DataFrame, out: Path) -> None:
    from rich.console import Console

    from segqc_conformal.features.table import feature_columns

    console = Console(highlight=False)
    console.print(_summary(table))
    cases = table.drop_duplicates("case_id")
    failed = cases[cases["failed"].notna()]
    for why in failed["failed"].head(_SHOWN):
        console.print(f"  failed: {why}", markup=False, soft_wrap=True)
    if len(failed) > _SHOWN:
        console.print(f"  and {len(failed) - _SHOWN} more; see column 'failed' of the table")
    first = table.iloc[0]
    console.print(
        f"Features: {len(feature_columns(table))} of schema {first['schema_version']}.",
        markup=False,
    )
    console.print(
        f"Cases: {len(cases)}, failed: {len(failed)}, patients: {cases['patient_id'].nunique()}, "
        f"sites: {cases['site'].nunique()}. Judged: {first['judged']} masks. "
        f"Model: {first['model_id']}, {first['sampler_id']}.\nWrote {out}",
        markup=False,
        soft_wrap=True,
    )


def _summary(table: pd.DataFrame) -> Table:
    from rich.table import Table

    shown = Table(title="Features", title_justify="left")
    shown.add_column("structure")
    for head in ("cases", "failed", "empty mask", "reference known", "mean Dice"):
        shown.add_column(head, justify="right")
    for structure, rows in table.groupby("structure", sort=False):
        usable = rows[rows["failed"].isna()]
        known = usable["dice"].dropna()
        shown.add_row(
            str(structure),
            str(len(usable)),
            str(len(rows) - len(usable)),
            str(int((usable["feature_volume_ml"] == 0).sum())),
            str(len(known)),
            f"{known.mean():.3f}" if len(known) else "-",
        )
    return shown
