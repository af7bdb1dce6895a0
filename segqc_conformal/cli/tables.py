"""Tables as the commands print them."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from segqc_conformal.gate import CalibratedGate
from segqc_conformal.quality_gate import SMALLEST_SPLIT

__all__ = ["print_certificates", "print_data", "print_frame"]


def print_frame(frame: pd.DataFrame, title: str) -> None:
    """Print a small table on standard output; numbers with three digits."""
    table = Table(*map(str, frame.columns), box=SIMPLE_HEAD, title=title, title_justify="left")
    for row in frame.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    Console().print(table)


def print_certificates(gate: CalibratedGate) -> None:
    """Print what a gate promises, per structure, in numbers and in words."""
    by_group = gate.certificate.settings["groups"] is not None
    rows = [
        {
            "structure": name,
            **({"group": group} if by_group else {}),
            "patients": accept.patients,
            "interval half-width (in scales)": entry.quantile_of(group),
            "accept score from": accept.threshold,
            "P(certify)": entry.certify_chances.get(group),
            "fresh patients needed": accept.patients_needed,
        }
        for name, entry in gate.certificate.structures.items()
        for group, accept in entry.accept.by_group.items()
    ]
    print_frame(pd.DataFrame(rows), "Certificates")
    console = Console()
    for name, entry in gate.certificate.structures.items():
        console.print(f"{name}: {entry.interval.promise}", highlight=False)
        console.print(f"{name}: {entry.accept.promise}", highlight=False)
        if entry.warning:
            console.print(f"{name}: {entry.warning}", highlight=False)


def print_data(gate: CalibratedGate) -> None:
    """Say how many patients there were, and what was left out and why."""
    data = gate.certificate.data
    console = Console()
    if data["patients_calibration"] == 0:
        console.print(
            f"{data['patients_fit']} labelled patients all fit and none calibrates, so every case "
            f"is referred: without named fit patients it takes {SMALLEST_SPLIT}, of which half "
            "calibrate.",
            highlight=False,
        )
    if data["cases_faulty"]:
        case, fault = next(iter(data["faults"].items()))
        console.print(
            f"{data['cases_faulty']} cases have rows that were left out, for example {case}: "
            f"{fault}",
            highlight=False,
        )


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
