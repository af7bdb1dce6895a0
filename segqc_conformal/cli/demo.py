"""`segqc demo`."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["demo"]


def demo(
    out: Annotated[
        Path | None, typer.Option(help="Folder for its files. Default: a new temporary folder.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed gives other patients.")] = 0,
    files: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            show_default=False,
            help="Write the cohort and the models there as files instead, to try every other "
            "command on.",
        ),
    ] = None,
) -> None:
    """Run the whole walk on the embedded cohort (about a minute, no download).

    A small U-Net ensemble segments generated 3-D volumes; features are extracted, promises
    calibrated, new patients judged, a scanner change noticed, and the gate recalibrated.
    Only the network's weights are stored: everything else is computed in the run.
    """
    if files is not None:
        from segqc_conformal.demo.files import write_demo_files

        written = write_demo_files(files, seed)
        print(f"Wrote images, reference masks, probabilities and models to {written}")
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from segqc_conformal.cli.progress import StageBars
    from segqc_conformal.demo.story import HEAD, period_rows, sentences, write_demo_report
    from segqc_conformal.demo.walk import run_demo

    began = time.monotonic()
    folder = out or Path(tempfile.mkdtemp(prefix="segqc-demo-"))
    with StageBars() as bars:
        result = run_demo(folder, seed, bars.update)
        bars.update("report", 0, 1)
        report = write_demo_report(result, folder / "report.html")
        bars.update("report", 1, 1)
    console = Console(width=None)
    table = Table(
        box=SIMPLE_HEAD, title="The whole case: Dice of its worst structure, and may it pass?"
    )
    for column in HEAD:
        table.add_column(column, no_wrap=column == HEAD[0])
    for row in period_rows(result):
        table.add_row(*row)
    console.print(table)
    for number, sentence in enumerate(sentences(result), start=1):
        console.print(f"{number}. {sentence}", highlight=False)
    console.print(f"\nReport: {report}   ({time.monotonic() - began:.0f} s)", highlight=False)
    drift = report.with_name("drift-report.html")
    console.print(f"Drift report, as it was before recalibration: {drift}", highlight=False)
