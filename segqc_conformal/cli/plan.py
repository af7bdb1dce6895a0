"""`segqc plan`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segqc_conformal.planning_words import patients_in_words, per_cent

if TYPE_CHECKING:
    from rich.table import Table

    from segqc_conformal.pilot_plan import PilotPlan
    from segqc_conformal.study_plan import StudyPlan

__all__ = ["plan"]


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
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="Page to write (.html), with plots and every promise; the same numbers go to "
            ".json beside it.",
        ),
    ] = None,
) -> None:
    """How many labelled patients for which promise, at 80 % chance of getting it.

    For example:

        segqc plan
        segqc plan --tolerated-error 0.05 --accepted-share 0.6
        segqc plan --features pilot.parquet --out plan.html

    All numbers count calibration patients, one case each. About as many again
    are needed to fit the quality predictor.
    """
    from rich.console import Console

    from segqc_conformal.features.table import read_table
    from segqc_conformal.pilot_plan import sizes_from_pilot
    from segqc_conformal.study_plan import study_plan

    pilot: list[PilotPlan] = []
    if features is not None:
        table = read_table(features)
        pilot = sizes_from_pilot(table, dice_threshold, tolerated_error, confidence)
    planned = study_plan(
        tolerated_error, confidence, miscoverage, accepted_share, error_among_accepted, pilot
    )
    tables = [_fewest(planned), _sizes(planned)]
    if pilot:
        tables.append(_pilot(pilot, dice_threshold))
    console = Console(highlight=False)
    for shown in tables:
        console.print(shown)
        console.print()
    console.print(
        "All numbers are calibration patients, one case each. As many again fit the quality "
        "predictor: plan for twice as many labelled patients. The accept numbers hold for one "
        "threshold, fixed beforehand, and one look at the calibration labels."
    )
    if out is not None:
        from segqc_conformal.reports.plan_report import write_plan

        page, numbers = write_plan(out, planned, dice_threshold)
        print(f"page: {page}; numbers: {numbers}")


def _fewest(planned: StudyPlan) -> Table:
    from rich.table import Table

    table = Table(title="Fewest calibration patients", title_justify="left")
    table.add_column("promise")
    table.add_column("patients", justify="right")
    marginal, pac, accept = planned.needs[:3]
    for need in (marginal, pac):
        table.add_row(_as_sentence(need.promise), patients_in_words(need.fewest))
    table.add_row(f"{_as_sentence(accept.promise)}:", "")
    for bad, patients in enumerate(planned.accepted):
        table.add_row(
            f"  accepted patients, {bad or 'none'} of them bad", patients_in_words(patients)
        )
    return table


def _sizes(planned: StudyPlan) -> Table:
    from rich.table import Table

    table = Table(
        title="Calibration patients for an 80 % chance to certify at most "
        f"{per_cent(planned.tolerated_error)} bad,\nby share accepted and true share of bad among "
        "them",
        title_justify="left",
    )
    table.add_column("accepted")
    rows: dict[float, list[str]] = {}
    for size in planned.sizes:
        rows.setdefault(size.accepted_share, []).append(patients_in_words(size.patients))
    for error in dict.fromkeys(size.error for size in planned.sizes):
        table.add_column(f"{per_cent(error)} bad", justify="right")
    for share, counts in rows.items():
        table.add_row(per_cent(share), *counts)
    return table


def _pilot(plans: list[PilotPlan], dice_threshold: float) -> Table:
    from rich.table import Table

    table = Table(
        title=f"The same from the pilot's {plans[0].patients_seen} fit patients "
        f"(its other {plans[0].patients_left} can calibrate)",
        title_justify="left",
    )
    table.add_column("structure", no_wrap=True)
    for head in (f"Dice <= {dice_threshold:g}", "accepted", "of these bad", "patients needed"):
        table.add_column(head, justify="right")
    for row in plans:
        table.add_row(
            row.structure,
            per_cent(row.bad_share),
            "-" if row.accepted_share is None else per_cent(row.accepted_share),
            "-" if row.error is None else per_cent(row.error),
            patients_in_words(row.patients_needed),
        )
    table.caption = (
        "Half a bad patient more than seen is assumed; a small pilot can therefore show nothing."
    )
    return table


def _as_sentence(promise: str) -> str:
    return promise[:1].upper() + promise[1:]
