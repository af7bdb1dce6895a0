"""The feature table: one row per (case, structure), the narrow waist of the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from segqc_conformal.errors import FileFormatError, IdentityError, InputError, on_one_line
from segqc_conformal.iso_times import utc_times
from segqc_conformal.replaced_file import replaced_at_once
from segqc_conformal.whole_case import single_structures

__all__ = [
    "CORRUPTED",
    "IDENTITY_COLUMNS",
    "check_feature_table",
    "check_strings",
    "feature_columns",
    "fit_patient_flags",
    "one_identity",
    "read_table",
    "refuse_corrupted",
    "row_faults",
    "write_table",
]

FIT_PATIENT = "fit_patient"  # column: whether labels of the row's patient taught a feature
CORRUPTED = "corrupted"  # what `judged` says of rows that may train and never calibrate
IDENTITY_COLUMNS = ("model_id", "sampler_id", "schema_version", "judged")
STRING_COLUMNS = ("case_id", "patient_id", "structure", "site", *IDENTITY_COLUMNS)
REQUIRED_COLUMNS = ("case_id", "patient_id", "structure", *IDENTITY_COLUMNS)


def feature_columns(table: pd.DataFrame) -> list[str]:
    """Return the columns that predictors may learn from: those that begin with ``feature_``.

    Examples
    --------
    >>> feature_columns(pd.DataFrame(columns=["case_id", "feature_b", "feature_a", "note"]))
    ['feature_a', 'feature_b']
    """
    return sorted(column for column in table.columns if column.startswith("feature_"))


def check_feature_table(table: pd.DataFrame, *, corrupted: bool = False) -> pd.DataFrame:
    """Check the columns of a feature table and bring their types to the documented form.

    Parameters
    ----------
    table : DataFrame
        One row per (case, structure), with at least ``case_id, patient_id, structure, model_id,
        sampler_id, schema_version, judged`` and one ``feature_`` column.
    corrupted : bool
        Take rows of corrupted masks (``judged`` is "corrupted") too: only what makes, trains on or
        refers such rows may say so.

    Returns
    -------
    DataFrame
        A copy: ids as strings, features and ``dice`` as float64, ``time`` in UTC; ``site``
        ("unknown", also where it is missing), ``time``, ``failed`` and ``dice`` are added where
        absent; ``fit_patient``, where it stands, is boolean.

    Raises
    ------
    InputError
        If a required column or every feature is missing, a column has the wrong type, an id is
        empty, a row is named ``whole_case``, which the gate makes, or, naming the case, a row is of
        a corrupted mask. Single bad rows do not raise: `row_faults` names them.

    Notes
    -----
    Guarantee: no row whose ``judged`` is "corrupted" comes out unless `corrupted` asks for it.
    """
    missing = [column for column in REQUIRED_COLUMNS if column not in table.columns]
    if missing or not feature_columns(table):
        wanted = [*missing, *([] if feature_columns(table) else ["feature_..."])]
        raise InputError(
            f"a feature table with the columns {', '.join(wanted)}",
            f"columns {list(table.columns)[:12]}",
            "make it with extract_features or `segqc extract`, or add the columns",
        )
    if not corrupted:
        refuse_corrupted(table)
    out = table.reset_index(drop=True).copy()
    if "site" not in out:
        out["site"] = "unknown"
    out["site"] = out["site"].astype(object).where(out["site"].notna(), "").replace("", "unknown")
    check_strings(out, STRING_COLUMNS)
    together = ~single_structures(out["structure"])
    if together.any():
        raise InputError(
            "rows of single structures",
            f"a row of {out.loc[together, 'structure'].iloc[0]}",
            "leave these rows out: the gate makes them from the structures",
        )
    why = out["failed"].astype(object) if "failed" in out else pd.Series(None, out.index, object)
    out["failed"] = why.where(why.notna(), None)
    times = out["time"] if "time" in out else pd.Series(pd.NaT, out.index)
    out["time"] = utc_times(times, "column time").astype("datetime64[us, UTC]")
    for column in [*feature_columns(out), "dice"]:
        out[column] = _numbers(out, column)
    if FIT_PATIENT in out:
        out[FIT_PATIENT] = fit_patient_flags(out)
    return out


def fit_patient_flags(table: pd.DataFrame) -> pd.Series:
    """Say of each row whether labels of its patient taught a feature, as any row of him says.

    Raises
    ------
    InputError
        Naming the case: a row of which the column ``fit_patient`` does not say it.

    Examples
    --------
    >>> fit_patient_flags(pd.DataFrame({"case_id": ["a", "b"], "patient_id": ["p", "p"],
    ...                                 "fit_patient": [True, "False"]})).tolist()
    [True, True]
    """
    if FIT_PATIENT not in table:
        return pd.Series(False, index=table.index)
    column = table[FIT_PATIENT]
    words = column.astype(object).astype(str).str.lower()  # a table that was CSV once holds words
    unknown = ~words.isin(["true", "false"])
    if unknown.any():
        raise InputError(
            f"true or false in the column {FIT_PATIENT}",
            repr(column[unknown].iloc[0]),
            "say of each row whether labels of its patient taught a feature: such patients never "
            "calibrate",
            str(table.loc[unknown, "case_id"].iloc[0]),
        )
    return (words == "true").groupby(table["patient_id"]).transform("any")


def refuse_corrupted(table: pd.DataFrame) -> None:
    """Refuse rows of corrupted masks where a promise is made or checked.

    Raises
    ------
    InputError
        Naming the first such case.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> refuse_corrupted(  # doctest: +ELLIPSIS
    ...     pd.DataFrame({"case_id": ["c17"], "judged": ["corrupted"]})
    ... )
    Traceback (most recent call last):
    segqc_conformal.errors.InputError: case c17: expected masks as they are released; received ...
    """
    if "judged" not in table:
        return
    marked = table["judged"] == CORRUPTED
    if marked.any():
        raise InputError(
            "masks as they are released",
            "a corrupted one",
            "leave corrupted cases out: they may train, never calibrate",
            str(table.loc[marked, "case_id"].iloc[0]),
        )


def check_strings(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse ids that are empty or no strings.

    Raises
    ------
    InputError
        Naming the first such column and its first such value.
    """
    for column in columns:
        text = table[column].map(lambda value: isinstance(value, str) and value != "").astype(bool)
        if not text.all():
            raise InputError(
                f"non-empty strings in column {column}",
                repr(table.loc[~text, column].iloc[0]),
                "read CSV files with segqc_conformal.read_table, which keeps '0012' as it is",
            )


def _numbers(table: pd.DataFrame, column: str) -> pd.Series:
    if column not in table:
        return pd.Series(np.nan, index=table.index, dtype=np.float64)
    try:
        return table[column].astype(np.float64)
    except (ValueError, TypeError) as error:
        raise InputError(f"numbers in column {column}", error, "repair the column") from error


def row_faults(table: pd.DataFrame, features: Sequence[str] | None = None) -> pd.Series:
    """Say, row by row, why a row of a checked feature table cannot be used.

    Parameters
    ----------
    table : DataFrame
        As returned by `check_feature_table`.
    features : sequence of str, optional
        Feature columns that must be finite, present in `table`; None: all of them.

    Returns
    -------
    Series of str
        "" for a usable row; else expected, received and remedy in one sentence. A row is
        faulty if extraction failed, a feature is NaN or infinite (in float32), ``dice`` lies
        outside [0, 1], its (case, structure) stands in the table more than once, or its case
        belongs to several patients.

    Notes
    -----
    Guarantee: none.
    """
    faults = pd.Series("", index=table.index, dtype=object)
    faults[table.duplicated(["case_id", "structure"], keep=False)] = (
        "expected one row per case and structure; received several; remedy: give every case an id "
        "of its own"
    )
    faults[table.groupby("case_id")["patient_id"].transform("nunique") > 1] = (
        "expected one patient per case; received several; remedy: give every case an id of its own"
    )
    values = table[feature_columns(table) if features is None else list(features)]
    # scikit-learn's trees compute in float32, where larger numbers would be infinite
    not_finite = ~(np.abs(values.to_numpy()) <= np.finfo(np.float32).max)
    for row in np.flatnonzero(not_finite.any(axis=1)).tolist():
        column = values.columns[not_finite[row].argmax()]
        faults.iloc[row] = (
            f"expected a finite {column}; received {values[column].iloc[row]}; remedy: extract the "
            "case again"
        )
    outside = table["dice"].notna() & ~table["dice"].between(0.0, 1.0)
    for row in np.flatnonzero(outside).tolist():
        faults.iloc[row] = (
            f"expected dice in [0, 1]; received {table['dice'].iloc[row]}; remedy: correct the "
            "reference Dice"
        )
    failed = table["failed"].notna()
    faults[failed] = table.loc[failed, "failed"].map(lambda why: f"extraction failed: {why}")
    return faults


def one_identity(table: pd.DataFrame) -> dict[str, str]:
    """Return the single (model, sampler, schema, judged) of a table, or refuse a mixture.

    Raises
    ------
    IdentityError
        If rows of different identity stand in one table.

    Notes
    -----
    Guarantee: none.
    """
    for column in IDENTITY_COLUMNS:
        seen = table[column].unique()
        if len(seen) != 1:
            raise IdentityError(
                f"rows of a single {column}",
                sorted(seen)[:5],
                "calibrate and judge each model, sampler and kind of judged mask apart",
            )
    return {column: str(table[column].iloc[0]) for column in IDENTITY_COLUMNS}


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table from Parquet or CSV; ids stay strings ("0012" stays "0012").

    Raises
    ------
    FileFormatError
        If the file is missing, truncated, corrupt or of another kind.

    Notes
    -----
    Guarantee: none.
    """
    path = Path(path)
    if path.suffix not in (".parquet", ".csv"):
        raise FileFormatError("a .parquet or .csv file", path.name, "convert the table")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        ids = {column: str for column in (*STRING_COLUMNS, "failed", "reason", "message")}
        return pd.read_csv(
            path,
            dtype=ids,
            keep_default_na=False,
            na_values={
                column: [""] for column in pd.read_csv(path, nrows=0).columns if column not in ids
            }
            | {"failed": [""]},
        )
    except FileNotFoundError:
        raise FileFormatError("an existing table", str(path), "check the path") from None
    except Exception as error:
        raise FileFormatError(
            f"a readable table in {path.name}",
            on_one_line(error),
            "write the file again: it is truncated or not what its name says",
        ) from error


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as Parquet or CSV, by the suffix; an existing file is replaced at once.

    Raises
    ------
    FileFormatError
        For another suffix.

    Notes
    -----
    Guarantee: none.
    """
    path = Path(path)
    if path.suffix not in (".parquet", ".csv"):
        raise FileFormatError("a .parquet or .csv file", path.name, "choose one of these suffixes")
    with replaced_at_once(path, shared=True) as temporary:  # two processes may extract one shard
        if path.suffix == ".parquet":
            table.to_parquet(temporary, index=False)
        else:
            table.to_csv(temporary, index=False)
