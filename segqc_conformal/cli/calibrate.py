"""`segqc calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["calibrate"]


def calibrate(
    features: Annotated[Path, typer.Argument(help="Feature table with dice (.parquet, .csv).")],
    out: Annotated[Path, typer.Option(help="Calibration folder to write to.")],
    miscoverage: Annotated[float, typer.Option(help="Allowed misses of the Dice interval.")] = 0.10,
    dice_threshold: Annotated[float, typer.Option(help="A mask is bad at or below this.")] = 0.8,
    tolerated_error: Annotated[
        float, typer.Option(help="Allowed share of bad masks among accepted ones.")
    ] = 0.10,
    confidence: Annotated[float, typer.Option(help="Confidence of the accept promise.")] = 0.90,
    interval_confidence: Annotated[
        float | None, typer.Option(help="Confidence of the interval (PAC). Default: marginal.")
    ] = None,
    side: Annotated[
        str, typer.Option(help="Ends of the Dice interval: two-sided, lower or upper.")
    ] = "two-sided",
    groups: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            show_default=False,
            help="Promise within each group of this column (site, scanner), not over all patients.",
        ),
    ] = None,
    subset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=STRUCTURE,STRUCTURE",
            show_default=False,
            help="Also judge these structures together, by the worst of them. Repeatable.",
        ),
    ] = None,
    family: Annotated[
        str, typer.Option(help="Accept promises hold with --confidence each, or all together.")
    ] = "each",
    looks: Annotated[
        str,
        typer.Option(
            help='"many": patients may be added later and all calibrated again '
            "(`segqc recalibrate --look-again`); each look costs confidence, and its size must not "
            "depend on labels seen."
        ),
    ] = "one",
    fit_patients: Annotated[
        Path | None,
        typer.Option(help="Text file, one patient id to fit on a line. Default: half, by a hash."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the patient split and the predictor.")] = 0,
    by: Annotated[
        str | None, typer.Option(show_default=False, help="Who calibrates; kept for ever.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            show_default=False,
            help="Page to write (.html). Default: OUT-report.html, or OUT-explore.html, beside "
            "OUT.",
        ),
    ] = None,
    explore: Annotated[
        bool,
        typer.Option(
            help="Only show what each choice of risk would probably give, from the FIT patients; "
            "spends nothing and calibrates nothing. Writes a page, and .json beside it."
        ),
    ] = False,
    learning_curve: Annotated[
        bool,
        typer.Option(
            "--learning-curve",
            help="With --explore: also show what more fit patients would do for the quality "
            "predictor; takes some 15 times as long.",
        ),
    ] = False,
) -> None:
    """Fit a quality predictor, certify it, and write calibration folder and report.

    Example: segqc calibrate features.parquet --out calibration/
    """
    from segqc_conformal.cli.parsing import parse_subsets
    from segqc_conformal.cli.progress import StageBars
    from segqc_conformal.cli.tables import print_certificates, print_data, print_outcomes
    from segqc_conformal.errors import InputError
    from segqc_conformal.features.table import read_table
    from segqc_conformal.quality_gate import QualityGate
    from segqc_conformal.reports.calibration_report import write_report
    from segqc_conformal.reports.exploration_report import write_exploration

    if learning_curve and not explore:
        raise InputError("--learning-curve with --explore", "without", "add --explore")
    if explore and by is not None:
        raise InputError(
            "--explore without --by",
            f"--by {by}",
            "leave --by out: nothing is calibrated, so there is nothing to sign",
        )
    settings = QualityGate(
        miscoverage=miscoverage,
        dice_threshold=dice_threshold,
        tolerated_error=tolerated_error,
        confidence=confidence,
        interval_confidence=interval_confidence,
        side=side,
        groups=groups,
        subsets=parse_subsets(subset or []),
        family=family,
        looks=looks,
        seed=seed,
    )
    table = read_table(features)
    patients = None if fit_patients is None else _patients(fit_patients)
    with StageBars() as bars:
        if explore:
            explored = settings.explore(
                table,
                patients,
                with_learning=learning_curve,
                progress=lambda step: bars.update(step, 0, 1),
            )
        else:
            gate = settings.calibrate(
                table, patients, progress=lambda step: bars.update(step, 1, 1)
            )
    if explore:
        print_outcomes(explored)
        page, numbers = write_exploration(
            report or out.parent / f"{out.name}-explore.html", explored
        )
        print(f"other Dice thresholds, widths and plots: {page}; the numbers: {numbers}")
        return
    gate.save(out, by=by or "unknown")
    print_certificates(gate)
    print_data(gate)
    path = report or out.parent / f"{out.name}-report.html"
    print(f"version {gate.id[:12]} is in force in {out}; report: {write_report(path, gate)}")


def _patients(path: Path) -> list[str]:
    from segqc_conformal.errors import FileFormatError

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FileFormatError(
            "a text file with one patient id a line", error, "check the path"
        ) from error
    return [line.strip() for line in lines if line.strip()]
