"""`segqc doctor`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from segqc_conformal.doctor import Finding

__all__ = ["doctor"]

_MARKS = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "problem": "[red]problem[/]"}


def doctor(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            show_default=False,
            help="Saved probabilities, as segqc extract takes them, or NIfTI images.",
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(metavar="DIR", show_default=False, help="NIfTI images, CASE.nii.gz."),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(metavar="DIR", show_default=False, help="Deployed masks, CASE.nii.gz."),
    ] = None,
    references: Annotated[
        Path | None,
        typer.Option(metavar="DIR", show_default=False, help="Reference masks, CASE.nii.gz."),
    ] = None,
    structures: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=LABEL,...",
            show_default=False,
            help="Labels that the masks should hold, for example anterior=1,posterior=2.",
        ),
    ] = None,
    cases: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            show_default=False,
            help="The case list: case_id, patient_id, site, time.",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="A .pt2, .ts, .pt or .onnx file. With images it is run on the first one.",
        ),
    ] = None,
    spacing: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y,Z",
            show_default=False,
            help="Voxel size in mm of .npz files that do not say it.",
        ),
    ] = None,
) -> None:
    """Check the installation, a model and folders of images before a long run.

    For example:

        segqc doctor
        segqc doctor images/ --masks masks/ --references labels/
        --structures anterior=1,posterior=2 --model model.pt2

    Every image, mask and saved probability is read once. Exit code 1 if
    anything is a problem; a warning may be what you intend.
    """
    from segqc_conformal.cli.parsing import parse_spacing, parse_structures
    from segqc_conformal.diagnosis import diagnose

    findings = diagnose(
        folder=folder,
        images=images,
        masks=masks,
        references=references,
        case_list=cases,
        structures=parse_structures(structures) if structures else {},
        model=model,
        spacing_mm=parse_spacing(spacing) if spacing else None,
        track=_track,
    )
    _show(findings)
    if any(finding.level == "problem" for finding in findings):
        raise typer.Exit(1)


def _track(cases: Iterable[Any]) -> Iterable[Any]:
    from rich.console import Console
    from rich.progress import track

    return track(cases, description="reading", console=Console(stderr=True))


def _show(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="segqc doctor", title_justify="left")
    table.add_column("", no_wrap=True)
    table.add_column("what", no_wrap=True)
    table.add_column("found", overflow="fold")
    for finding in findings:
        table.add_row(_MARKS[finding.level], escape(finding.subject), escape(finding.message))
    console = Console(highlight=False)
    console.print(table)
    levels = [finding.level for finding in findings]
    console.print(f"Problems: {levels.count('problem')}, warnings: {levels.count('warning')}")
