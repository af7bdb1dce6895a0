"""`segqc doctor`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from segqc_conformal.doctor.finding import Finding

__all__ = ["doctor"]

_STYLES = {"ok": "green", "warning": "yellow", "problem": "red"}


def _option(metavar: str, help_text: str) -> Any:
    return typer.Option(metavar=metavar, show_default=False, help=help_text)


def doctor(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            show_default=False,
            help="Saved probabilities, as segqc extract takes them, or images.",
        ),
    ] = None,
    images: Annotated[Path | None, _option("DIR", "CASE.nii.gz, or DICOM CASE/.")] = None,
    masks: Annotated[Path | None, _option("DIR", "Deployed masks, named alike.")] = None,
    references: Annotated[Path | None, _option("DIR", "Reference masks, named alike.")] = None,
    structures: Annotated[
        str | None,
        _option(
            "NAME=LABEL,...",
            "Labels that the masks should hold, for example anterior=1,posterior=2.",
        ),
    ] = None,
    cases: Annotated[
        Path | None, _option("CSV", "The case list: case_id, patient_id, site, time.")
    ] = None,
    training: Annotated[
        Path | None, _option("CSV", "Patients that trained the model: patient_id.")
    ] = None,
    model: Annotated[
        str | None,
        _option(
            "FILE,...",
            "A .pt2, .ts, .pt or .onnx file, or those of an ensemble. Run on the first image.",
        ),
    ] = None,
    activation: Annotated[
        str, typer.Option(help="What the model's output needs, as in segqc extract.")
    ] = "softmax",
    channels: Annotated[
        str,
        typer.Option(help="Of saved probabilities: exclusive, overlapping or evidence."),
    ] = "exclusive",
    spacing: Annotated[
        str | None, _option("X,Y,Z", "Voxel size in mm of .npz files that do not say it.")
    ] = None,
    calibration: Annotated[Path | None, _option("DIR", "A calibration folder.")] = None,
    log: Annotated[str | None, _option("URL", "A case log, sqlite:///log.db.")] = None,
    out: Annotated[Path | None, _option("DIR", "Where results are to be written.")] = None,
) -> None:
    """Check installation, model, folders of images, case list, log and calibration.

    For example:

        segqc doctor
        segqc doctor images/ --masks masks/ --references labels/
        --structures anterior=1,posterior=2 --model model.pt2

    Every image, mask and saved probability is read once. Exit code 1 if
    anything is a problem; a warning may be what you intend.
    """
    from segqc_conformal.cli.parsing import parse_spacing, parse_structures
    from segqc_conformal.doctor.diagnosis import diagnose
    from segqc_conformal.doctor.subjects import Subjects
    from segqc_conformal.errors import InputError
    from segqc_conformal.features.programs import find_programs
    from segqc_conformal.sampling.activation import check_activation
    from segqc_conformal.sampling.channels import check_channels

    models = find_programs(model) if model else ()
    if model and not models:
        raise InputError("a folder with .pt2 files", model, "name the files, or leave --model out")
    subjects = Subjects(
        folder=folder,
        images=images,
        masks=masks,
        references=references,
        case_list=cases,
        training=training,
        structures=parse_structures(structures) if structures else {},
        models=models,
        activation=check_activation(activation),
        channels=check_channels(channels),
        spacing_mm=parse_spacing(spacing) if spacing else None,
        calibration=calibration,
        log=log,
        out=out,
    )
    findings = diagnose(subjects, _track)
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

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(max_width=28, overflow="fold")
    table.add_column(overflow="fold")
    # what is wrong comes last, where it is still seen after a long list
    for level, style in _STYLES.items():
        for finding in findings:
            if finding.level == level:
                message = finding.message.replace("; received", ";\nreceived")
                message = message.replace("; remedy", ";\nremedy")
                table.add_row(f"[{style}]{level}[/]", escape(finding.subject), escape(message))
    console = Console(highlight=False)
    console.print(table)
    levels = [finding.level for finding in findings]
    console.print(f"Problems: {levels.count('problem')}, warnings: {levels.count('warning')}")
