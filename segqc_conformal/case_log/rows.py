"""Between tables and the log's rows: what comes in is checked here, once."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, Select

from segqc_conformal.errors import InputError
from segqc_conformal.features.table import check_strings, feature_columns
from segqc_conformal.iso_times import in_utc, utc_times
from segqc_conformal.verdict_table import SHOWN_COLUMNS, VERDICT_COLUMNS

__all__ = [
    "check_verdicts",
    "expand_features",
    "feature_rows",
    "fetched",
    "records",
    "time_text",
    "times",
    "without_told_ids",
]

CASE_COLUMNS = ("case_id", "patient_id", "site", "time", "model_id", "calibration")
LOGGED_COLUMNS = tuple(column for column in VERDICT_COLUMNS if column not in SHOWN_COLUMNS)
ROW_COLUMNS = tuple(column for column in LOGGED_COLUMNS if column not in CASE_COLUMNS)
# of rows with these reasons the message may quote what came in: ids, paths, a foreign error
QUOTING = ("input_error", "unknown_group")
WITHHELD = "not kept, as ids are hashed: see the table that was added"
STRINGS = ("case_id", "patient_id", "site", "model_id", "calibration", "structure", "reason")


def check_verdicts(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Check a verdict table and bring it to the log's form, in the order of time.

    Parameters
    ----------
    verdicts : DataFrame
        A verdict table; rows that are equal in every column count once.

    Returns
    -------
    DataFrame
        Columns `VERDICT_COLUMNS` (those of `SHOWN_COLUMNS` are not kept); cases by time where
        times are known (unknown ones last), else
        as given.

    Raises
    ------
    InputError
        For missing columns, ids that are not strings, or a (case, structure) that stands there
        with two different verdicts.

    Notes
    -----
    Guarantee: none.
    """
    missing = [column for column in LOGGED_COLUMNS if column not in verdicts.columns]
    if missing:
        raise InputError(
            f"a verdict table with the columns {', '.join(missing)}",
            f"columns {list(verdicts.columns)[:14]}",
            "make it with CalibratedGate.judge",
        )
    rows = verdicts[list(LOGGED_COLUMNS)].reset_index(drop=True)
    check_strings(rows, STRINGS)
    rows["time"] = times(rows["time"])
    rows = rows.drop_duplicates()
    twice = rows.duplicated(["case_id", "structure"])
    facts = rows[list(CASE_COLUMNS)].drop_duplicates()
    twofold = pd.concat(
        [rows.loc[twice, "case_id"], facts.loc[facts.duplicated("case_id"), "case_id"]]
    )
    if len(twofold):
        raise InputError(
            "one verdict per case and structure, one patient, site and time per case",
            "two that differ",
            "give every case an id of its own",
            str(twofold.iloc[0]),
        )
    return rows.sort_values("time", kind="stable", na_position="last", ignore_index=True)


def without_told_ids(
    verdicts: pd.DataFrame, features: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return both tables without the texts that may tell an id."""
    quoting = verdicts["reason"].isin(QUOTING)
    verdicts = verdicts.assign(message=verdicts["message"].mask(quoting, WITHHELD))
    if features is not None and "failed" in features:
        failed = features["failed"]
        features = features.assign(failed=failed.mask(failed.notna(), WITHHELD))
    return verdicts, features


def feature_rows(table: pd.DataFrame, sequence_of: dict[str, int]) -> list[dict[str, Any]]:
    """Return the rows of the features table for the cases in `sequence_of`; NaN becomes null."""
    wanted = table[table["case_id"].isin(list(sequence_of))]
    wanted = wanted.drop_duplicates(["case_id", "structure"])
    names = feature_columns(table)
    values = wanted[names].astype(np.float64).to_numpy()
    told = records(
        wanted.reindex(
            columns=["case_id", "structure", "sampler_id", "schema_version", "judged", "failed"]
        )
    )
    return [
        {
            **{str(name): value for name, value in row.items() if name != "case_id"},
            "sequence": sequence_of[row["case_id"]],
            "features": {
                name: float(number) if np.isfinite(number) else None
                for name, number in zip(names, numbers, strict=True)
            },
        }
        for row, numbers in zip(told, values, strict=True)
    ]


def expand_features(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn the JSON column ``features`` into one float64 column per feature (null: NaN)."""
    dicts = [cell if isinstance(cell, dict) else {} for cell in frame["features"]]
    wide = pd.DataFrame.from_records(dicts, index=frame.index).astype(np.float64)
    return pd.concat([frame.drop(columns="features"), wide[sorted(wide.columns)]], axis=1)


def fetched(connection: Connection, query: Select[Any]) -> pd.DataFrame:
    """Run a query and return its rows, the column ``time`` in UTC."""
    columns = [column.name for column in query.selected_columns]
    frame = pd.DataFrame(connection.execute(query).fetchall(), columns=columns)
    if "time" in frame:
        frame["time"] = pd.to_datetime(frame["time"], utc=True).astype("datetime64[us, UTC]")
    return frame


def records(frame: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """Return rows as dicts of Python values, with None for every missing value."""
    clean = frame.astype(object).where(frame.notna(), None)
    return clean.to_dict("records")


def times(column: pd.Series) -> pd.Series:
    """Return `column` as text in UTC, of fixed width; None where unknown.

    Raises
    ------
    InputError
        If a time cannot be read.
    """
    known = utc_times(column, "column time")
    texts = [None if pd.isna(each) else time_text(each.to_pydatetime(warn=False)) for each in known]
    return pd.Series(texts, index=column.index, dtype=object)


def time_text(time: datetime) -> str:
    """Return `time` as UTC text of fixed width; without a time zone it is taken as UTC.

    Examples
    --------
    >>> time_text(datetime(2026, 11, 23, 8))
    '2026-11-23T08:00:00.000000Z'
    """
    return in_utc(time).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
