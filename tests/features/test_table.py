from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.errors import FileFormatError, IdentityError, InputError, SegqcError
from segqc_conformal.features.table import (
    check_feature_table,
    feature_columns,
    one_identity,
    read_table,
    row_faults,
    write_table,
)

Cohort = Callable[..., pd.DataFrame]


@pytest.fixture
def table(cohort: Cohort) -> pd.DataFrame:
    return cohort(4)


def test_only_feature_columns_are_features(table: pd.DataFrame) -> None:
    assert feature_columns(table.assign(age=1.0, myfeature_x=2.0)) == [
        "feature_agreement",
        "feature_noise",
        "feature_volume_ml",
    ]


def test_a_checked_table_has_the_documented_types_and_is_a_copy(table: pd.DataFrame) -> None:
    given = table.drop(columns=["site", "time", "failed", "dice"]).assign(feature_noise="1")
    before = given.copy(deep=True)
    checked = check_feature_table(given)
    pd.testing.assert_frame_equal(given, before)
    assert (checked["site"] == "unknown").all()
    assert str(checked["time"].dtype) == "datetime64[us, UTC]"
    assert checked[["time", "failed", "dice"]].isna().all(axis=None)
    assert checked["dice"].dtype == checked["feature_noise"].dtype == np.float64


def test_a_missing_site_is_unknown_and_does_not_stop_the_batch(table: pd.DataFrame) -> None:
    table["site"] = ["A", None, "", np.nan, *"ABCD"]
    assert check_feature_table(table)["site"].tolist() == [
        "A",
        "unknown",
        "unknown",
        "unknown",
        *"ABCD",
    ]


def test_times_become_utc(table: pd.DataFrame) -> None:
    table["time"] = ["2026-11-23T08:00+02:00", "2026-11-23", None, *["2026-11-23T08:00Z"] * 5]
    times = check_feature_table(table)["time"]
    assert times[0] == pd.Timestamp("2026-11-23T06:00Z")
    assert times[1] == pd.Timestamp("2026-11-23T00:00Z")
    assert pd.isna(times[2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patient_id": 12}, "strings in column patient_id; received .*12"),
        ({"case_id": np.nan}, "strings in column case_id; received .*nan"),
        ({"patient_id": ""}, "non-empty strings in column patient_id"),
        ({"structure": "whole_case"}, "whole_case"),
        ({"time": "yesterday"}, "ISO 8601"),
        ({"feature_noise": "much"}, "numbers in column feature_noise"),
        ({"dice": "good"}, "numbers in column dice"),
    ],
)
def test_a_column_of_the_wrong_kind_is_refused(
    table: pd.DataFrame, change: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_feature_table(table.assign(**change))


@pytest.mark.parametrize("column", ["case_id", "patient_id", "structure", "model_id", "judged"])
def test_a_missing_column_is_named(table: pd.DataFrame, column: str) -> None:
    with pytest.raises(InputError, match=f"the columns {column};"):
        check_feature_table(table.drop(columns=column))


def test_a_table_without_features_is_refused(table: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="feature_"):
        check_feature_table(table.drop(columns=feature_columns(table)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, -1e39])
def test_a_feature_that_is_not_finite_even_in_float32_is_a_fault(
    table: pd.DataFrame, value: float
) -> None:
    table.loc[2, "feature_noise"] = value
    faults = row_faults(check_feature_table(table))
    assert faults.ne("").tolist() == [False, False, True, *[False] * 5]
    assert faults[2].startswith("expected a finite feature_noise; received ")
    assert (row_faults(check_feature_table(table), ["feature_agreement"]) == "").all()


@pytest.mark.parametrize("dice", [-1e-9, 1.0000001, 95.0, np.inf, -np.inf])
def test_dice_outside_0_1_is_a_fault(table: pd.DataFrame, dice: float) -> None:
    table.loc[3, "dice"] = dice
    faults = row_faults(check_feature_table(table))
    assert faults.ne("").sum() == 1
    assert faults[3].startswith("expected dice in [0, 1]; received")


@pytest.mark.parametrize("dice", [0.0, 1.0, np.nan])
def test_the_ends_and_the_unknown_dice_are_no_fault(table: pd.DataFrame, dice: float) -> None:
    assert (row_faults(check_feature_table(table.assign(dice=dice))) == "").all()


def test_repeats_failures_and_two_patients_of_a_case_are_faults(table: pd.DataFrame) -> None:
    table.loc[1, ["case_id", "structure"]] = ["c0000", "anterior"]
    table.loc[3, "patient_id"] = "0000"
    table.loc[6, "failed"] = "no mask"
    faults = row_faults(check_feature_table(table)).tolist()
    assert [bool(fault) for fault in faults] == [True] * 4 + [False, False, True, False]
    assert faults[0] == faults[1]
    assert "one row per case and structure" in faults[0]
    assert "one patient per case" in faults[2]
    assert faults[6] == "extraction failed: no mask"


@pytest.mark.parametrize("column", ["model_id", "sampler_id", "schema_version", "judged"])
def test_mixed_identity_is_refused(table: pd.DataFrame, column: str) -> None:
    assert one_identity(table) == {
        "model_id": "m",
        "sampler_id": "s",
        "schema_version": "1",
        "judged": "fused",
    }
    table.loc[0, column] = "other"
    with pytest.raises(IdentityError, match=f"a single {column}"):
        one_identity(table)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_comes_back_as_it_was_written(
    table: pd.DataFrame, tmp_path: Path, suffix: str
) -> None:
    table["case_id"] = ["0012", "0012", "1e5", "1e5", "NA", "NA", "None", "None"]
    table["patient_id"] = ["0012", "0012", "007", "007", "nan", "nan", "null", "null"]
    table.loc[5, ["dice", "feature_noise"]] = np.nan
    table.loc[4, "failed"] = 'broken, "quoted"\nand long'
    path = tmp_path / "new" / f"table{suffix}"
    write_table(table, path)
    found = check_feature_table(read_table(path))
    pd.testing.assert_frame_equal(found, check_feature_table(table), check_dtype=False)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_cut_file_is_refused_or_its_last_row_is_at_fault(
    table: pd.DataFrame, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"table{suffix}"
    write_table(table, path)
    whole = path.read_bytes()
    for size in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:size])
        try:
            found = check_feature_table(read_table(path))
        except SegqcError:
            continue
        assert suffix == ".csv"
        kept = found[row_faults(found) == ""]
        columns = ["case_id", "structure", "feature_agreement", "feature_noise"]
        if len(kept):
            expected = check_feature_table(table).iloc[: len(kept)]
            pd.testing.assert_frame_equal(kept[columns], expected[columns], check_dtype=False)


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe\x81garbage", b"PAR1PAR1"])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"table{suffix}"
    path.write_bytes(content)
    with pytest.raises(SegqcError):
        check_feature_table(read_table(path))


def test_missing_files_and_other_kinds_are_named(table: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"absent\.csv"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(FileFormatError, match=r"parquet or \.csv"):
        read_table(tmp_path / "table.xlsx")
    with pytest.raises(FileFormatError, match=r"parquet or \.csv"):
        write_table(table, tmp_path / "table.xlsx")


def test_a_patient_who_taught_a_feature_did_so_in_all_rows_and_a_missing_flag_is_refused(
    table: pd.DataFrame,
) -> None:
    first = table["patient_id"].iloc[0]
    flags = pd.Series(False, index=table.index)
    flags.iloc[0] = True
    checked = check_feature_table(table.assign(fit_patient=flags))
    assert checked["fit_patient"].dtype == bool
    assert set(checked.loc[checked["fit_patient"], "patient_id"]) == {first}
    assert (checked["patient_id"] == first).sum() == checked["fit_patient"].sum()
    missing = flags.astype(object)
    missing.iloc[-1] = None
    with pytest.raises(InputError, match=f"{table['case_id'].iloc[-1]}.*true or false"):
        check_feature_table(table.assign(fit_patient=missing))
