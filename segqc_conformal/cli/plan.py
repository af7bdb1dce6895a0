"""`segqc plan`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

__all__ = ["plan"]

_SHARES = (0.3, 0.5, 0.7, 0.9)
_ERRORS_OF_TOLERATED = (0.0, 0.2, 0.4, 0.6)


def plan(
    tolerated_error: Annotated[
        float, typer.Option(help="Allowed share of bad masks among the accepted ones.")
    ] = 0.1,
    confidence: Annotated[
        float, typer.Option(help="Confidence of the accept promise and of the PAC interval.")
    ] = 0.9,
    miscoverage: Annotated[
        float, typer.Option(help="Allowed chance that the Dice interval misses.")
    ] = 0.1,
    accepted_share: Annotated[
        float | None,
        typer.Option(
            show_default=False, help="Share of cases you expect to be accepted, instead of a grid."
        ),
    ] = None,
    error_among_accepted: Annotated[
        float | None,
        typer.Option(
            show_default=False,
            help="Share of bad masks you expect among the accepted, instead of a grid.",
        ),
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="Labelled feature table of a pilot: estimates both shares from its fit patients.",
        ),
    ] = None,
    dice_threshold: Annotated[
        float, typer.Option(help="With --features: a mask is bad if its Dice is at most this.")
    ] = 0.8,
) -> None:
    """How many labelled patients for which promise, at 80 % chance of getting it.

    For example:

        segqc plan
        segqc plan --tolerated-error 0.05 --accepted-share 0.6
        segqc plan --features pilot.parquet

    All numbers count calibration patients, one case each. About as many again
    are needed to fit the quality predictor.
    """
    from rich.console import Console

    from segqc_conformal.calibrators.checks import check_open_unit
    from segqc_conformal.features.table import read_table

    check_open_unit(tolerated_error=tolerated_error, confidence=confidence, miscoverage=miscoverage)
    shares = _SHARES if accepted_share is None else (accepted_share,)
    errors = (
        tuple(round(part * tolerated_error, 6) for part in _ERRORS_OF_TOLERATED)
        if error_among_accepted is None
        else (error_among_accepted,)
    )
    pilot = None if features is None else read_table(features)
    tables = [
        _fewest(tolerated_error, confidence, miscoverage),
        _sizes(shares, errors, tolerated_error, confidence),
    ]
    if pilot is not None:
        tables.append(_pilot(pilot, dice_threshold, tolerated_error, confidence))
    console = Console(highlight=False)
    for table in tables:
        console.print(table)
        console.print()
    console.print(
        "All numbers are calibration patients, one case each. As many again fit the quality "
        "predictor: plan for twice as many labelled patients. The accept numbers hold for one "
        "threshold, fixed beforehand, and one look at the calibration labels."
    )


def _fewest(tolerated_error: float, confidence: float, miscoverage: float) -> Table:
    from rich.table import Table

    from segqc_conformal.plan import fewest_accepted, fewest_for_interval

    table = Table(title="Fewest calibration patients", title_justify="left")
    table.add_column("promise")
    table.add_column("patients", justify="right")
    interval = f"Interval covers {_percent(1 - miscoverage)} of new patients"
    sure = f"{_percent(confidence)} confidence"
    marginal, pac = (fewest_for_interval(miscoverage, level) for level in (None, confidence))
    table.add_row(f"{interval}, averaged over calibrations", _count(marginal))
    table.add_row(f"{interval}, with {sure}", _count(pac))
    table.add_row(f"At most {_percent(tolerated_error)} bad among the accepted, with {sure}:", "")
    for bad in range(4):
        needed = _count(fewest_accepted(bad, tolerated_error, confidence))
        table.add_row(f"  accepted patients, {bad or 'none'} of them bad", needed)
    return table


def _sizes(
    shares: tuple[float, ...], errors: tuple[float, ...], tolerated_error: float, confidence: float
) -> Table:
    from rich.table import Table

    from segqc_conformal.calibrators.planning import calibration_size

    table = Table(
        title="Calibration patients for an 80 % chance to certify at most "
        f"{_percent(tolerated_error)} bad,\nby share accepted and true share of bad among them",
        title_justify="left",
    )
    table.add_column("accepted")
    for error in errors:
        table.add_column(f"{_percent(error)} bad", justify="right")
    for share in shares:
        sizes = [calibration_size(share, error, tolerated_error, confidence) for error in errors]
        table.add_row(_percent(share), *map(_count, sizes))
    return table


def _pilot(
    pilot: pd.DataFrame, dice_threshold: float, tolerated_error: float, confidence: float
) -> Table:
    from rich.table import Table

    from segqc_conformal.pilot_plan import sizes_from_pilot

    plans = sizes_from_pilot(pilot, dice_threshold, tolerated_error, confidence)
    table = Table(
        title=f"The same from the pilot's {plans[0].patients_seen} fit patients "
        f"(its other {plans[0].patients_left} can calibrate)",
        title_justify="left",
    )
    table.add_column("structure", no_wrap=True)
    for head in (f"Dice <= {dice_threshold:g}", "accepted", "of these bad", "patients needed"):
        table.add_column(head, justify="right")
    for row in plans:
        found = row.patients_needed is not None
        table.add_row(
            row.structure,
            _percent(row.bad_share),
            _percent(row.accepted_share) if found else "-",
            _percent(row.error) if found else "-",
            _count(row.patients_needed),
        )
    table.caption = (
        "Half a bad patient more than seen is assumed; a small pilot can therefore show nothing."
    )
    return table


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _count(patients: int | None) -> str:
    return "no number does" if patients is None else str(patients)
