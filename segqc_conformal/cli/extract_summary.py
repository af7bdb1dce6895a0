"""What `segqc extract` says of the table it made."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from segqc_conformal.features.table import feature_columns

__all__ = ["listed", "print_failed", "print_summary"]

_SHOWN = 20  # failed cases and unused files named on screen; the table holds all of them


def listed(names: list[str]) -> str:
    """Return the first names, and how many there are besides."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def print_failed(table: pd.DataFrame) -> None:
    """Say why cases failed, of the first of them."""
    console = Console(highlight=False)
    cases = table.drop_duplicates("case_id")
    failed = cases["failed"].dropna()
    for why in failed.head(_SHOWN):
        console.print(f"  failed: {why}", markup=False, soft_wrap=True)
    if len(failed) > _SHOWN:
        console.print(f"  and {len(failed) - _SHOWN} more; see column 'failed' of the table")


def print_summary(table: pd.DataFrame, out: Path) -> None:
    """Print counts by structure, why cases failed, and where the table is."""
    console = Console(highlight=False)
    console.print(_summary(table))
    print_failed(table)
    cases = table.drop_duplicates("case_id")
    first, failed = table.iloc[0], int(cases["failed"].notna().sum())
    console.print(
        f"Features: {len(feature_columns(table))} of schema {first['schema_version']}.",
        markup=False,
    )
    console.print(
        f"Cases: {len(cases)}, failed: {failed}, patients: {cases['patient_id'].nunique()}, "
        f"sites: {cases['site'].nunique()}. Judged: {first['judged']} masks. "
        f"Model: {first['model_id']}, {first['sampler_id']}.\nWrote {out}",
        markup=False,
        soft_wrap=True,
    )


def _summary(table: pd.DataFrame) -> Table:
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
