"""The case list: a CSV file that says which patient, site and time a case belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.features.table import read_table
from segqc_conformal.iso_times import utc_times

__all__ = ["ListedCase", "read_case_list"]


@dataclass(frozen=True)
class ListedCase:
    """What a case list knows of a case.

    Parameters
    ----------
    case_id, patient_id : str
        As written: "0012" stays "0012".
    site : str
        "unknown" where the list does not say.
    time : datetime, optional
        In UTC.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> ListedCase("c17", "p9").site
    'unknown'
    """

    case_id: str
    patient_id: str
    site: str = "unknown"
    time: datetime | None = None


def read_case_list(path: str | Path) -> list[ListedCase]:
    r"""Read a case list.

    Parameters
    ----------
    path : path of a ``.csv`` or ``.parquet`` file
        Columns ``case_id`` and ``patient_id``; ``site`` and ``time`` (ISO 8601) may be left out.

    Returns
    -------
    list of ListedCase
        In the order of the file.

    Raises
    ------
    FileFormatError
        If the file is missing, corrupt or of another kind.
    InputError
        If a column is missing, an id is empty or no string, a case is listed twice, or a time
        cannot be read.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "cases.csv"
    >>> _ = path.write_text("case_id,patient_id,site\n0012,007,A\n")
    >>> read_case_list(path)
    [ListedCase(case_id='0012', patient_id='007', site='A', time=None)]
    """
    table = read_table(path)
    name = Path(path).name
    missing = [column for column in ("case_id", "patient_id") if column not in table]
    if missing:
        raise FileFormatError(
            f"the columns {', '.join(missing)} in {name}",
            f"columns {list(table.columns)[:12]}",
            "write a header line: case_id,patient_id,site,time",
        )
    if "site" not in table:
        table = table.assign(site="unknown")
    table = table.assign(site=table["site"].replace("", "unknown"))
    for column in ("case_id", "patient_id", "site"):
        _check_ids(table, column, name)
    repeated = table["case_id"][table["case_id"].duplicated()].unique().tolist()
    if repeated:
        patients = table.loc[table["case_id"] == repeated[0], "patient_id"].unique()
        two = f", for the patients {', '.join(patients)}" if len(patients) > 1 else ""
        raise InputError(
            f"each case once in {name}",
            f"{', '.join(repeated[:5])} again{two}",
            "give each case an id of its own",
        )
    columns = (table["case_id"], table["patient_id"], table["site"], _times(table, name))
    return [ListedCase(*row) for row in zip(*columns, strict=True)]


def _check_ids(table: pd.DataFrame, column: str, name: str) -> None:
    usable = table[column].map(lambda value: isinstance(value, str) and value.strip() != "")
    if not usable.all():
        row = int(usable.argmin())
        raise InputError(
            f"text in column {column} of {name}",
            f"{table[column].iloc[row]!r} in row {row + 1}",
            "fill the cell, or delete the row",
        )


def _times(table: pd.DataFrame, name: str) -> list[datetime | None]:
    if "time" not in table:
        return [None] * len(table)
    times = utc_times(table["time"], name)
    return [None if pd.isna(time) else time.to_pydatetime() for time in times]
