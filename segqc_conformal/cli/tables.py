"""Tables as the commands print them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from segqc_conformal.exploration import Exploration
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.planning_words import chance_in_words, patients_in_words, per_cent
from segqc_conformal.quality_gate import SMALLEST_SPLIT
from segqc_conformal.reports.promise_rows import promise_rows

__all__ = ["print_certificates", "print_data", "print_frame", "print_outcomes", "print_sentences"]

SHORT = 11  # letters of a cell that stays on one line
WIDEST_WORD = 24  # letters; a longer one goes on in the next line where the window is narrow


def print_frame(frame: pd.DataFrame, title: str) -> None:
    """Print a small table on standard output; numbers with three digits, no name ever cut."""
    table = Table(
        box=SIMPLE_HEAD,
        title=title,
        title_justify="left",
        padding=(0, 1, 0, 0),
        show_edge=False,
        pad_edge=False,
    )
    for name in map(str, frame.columns):
        cells = [_cell(value) for value in frame[name]]
        whole = [text for text in cells if len(text) <= SHORT]
        longest = max(map(len, (*whole, *" ".join((name, *cells)).split())))
        is_number = pd.api.types.is_numeric_dtype(frame[name])
        table.add_column(
            name,
            justify="right" if is_number else "left",
            min_width=min(longest, WIDEST_WORD),
            overflow="fold",
        )
    for row in frame.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    Console().print(table, crop=False)


def print_certificates(gate: CalibratedGate) -> None:
    """Print what a gate promises, per structure, in numbers and in words."""
    by_group = gate.certificate.settings["groups"] is not None
    rows = [
        {
            "structure": name,
            **({"group": row.group_in_words} if by_group else {}),
            "patients": row.patients,
            "half-width (scales)": row.quantile_in_words,
            "accept from": row.threshold_in_words,
            "P(certify)": row.chance_in_words,
            "fresh patients needed": row.needed_in_words,
        }
        for name in gate.certificate.structures
        for row in promise_rows(gate, name)
    ]
    print_frame(pd.DataFrame(rows), "Certificates")
    for name, entry in gate.certificate.structures.items():
        print_sentences(name, [entry.interval.promise, entry.accept.promise, entry.warning])
    Console().print(f"\n{gate.certificate.spent}\n", highlight=False)


def print_sentences(name: str, sentences: Iterable[str]) -> None:
    """Print a name and, below and indented, what is said about it; empty sentences are left out."""
    console = Console()
    console.print(f"\n{name}", highlight=False, markup=False)
    for sentence in filter(None, sentences):
        console.print(Padding(Text(sentence), (0, 0, 0, 2)))


def print_outcomes(found: Exploration) -> None:
    """Print what the fit patients suggest for each tolerated error, at the Dice threshold set."""
    threshold = found.settings["dice_threshold"]
    rows = [
        {
            "structure": row["structure"],
            **({"group": row["group"]} if "group" in row else {}),
            "tolerated error": per_cent(row["tolerated_error"]),
            "P(certify)": chance_in_words(row["p_certify"]),
            "accepted, expected": chance_in_words(row["share_accepted"]),
            "patients needed": patients_in_words(row["patients_needed"]),
        }
        for row in found.at(threshold).to_dict("records")
    ]
    title = f"What the {found.patients_fit} fit patients suggest, Dice > {threshold:g}"
    print_frame(pd.DataFrame(rows), title)
    print(
        f"For a calibration on the {found.patients_calibration} other patients, of whom no label "
        "was read. Patients needed: calibration patients for an 80 % chance of a certificate."
    )


def print_data(gate: CalibratedGate) -> None:
    """Say how many patients there were, and what was left out and why."""
    data = gate.certificate.data
    console = Console()
    if data["patients_calibration"] == 0:
        fewest = promise_rows(gate, next(iter(gate.certificate.structures)))[0].fewest
        console.print(
            f"{data['patients_fit']} labelled patients all fit and none calibrates, so every case "
            f"is referred. From {SMALLEST_SPLIT} labelled patients on half of them calibrate; to "
            f"accept anything takes at least {fewest} calibration patients.",
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
