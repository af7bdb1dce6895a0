from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.gate import CalibratedGate
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.reports.promise_rows import promise_rows
from segqc_conformal.reports.promise_sections import key_numbers
from segqc_conformal.reports.shown_cases import shown_cases

Cohort = Callable[..., pd.DataFrame]


def by_scanner(cohort: Cohort, cheap: dict[str, Any], small: int) -> CalibratedGate:
    """Give a gate by scanner: A and B are large, C and D have `small` patients in all each."""
    table = cohort(200, empty=0.05)
    number = table["patient_id"].astype(int)
    place = np.minimum(number // small, 2)
    scanner = np.where(place < 2, np.array(["C", "D", ""])[place], table["site"])
    return QualityGate(groups="scanner").calibrate(table.assign(scanner=scanner), candidates=cheap)


@pytest.fixture(scope="module")
def few(cohort: Cohort, cheap: dict[str, Any]) -> CalibratedGate:
    return by_scanner(cohort, cheap, 8)


def test_empty_predictions_are_counted_within_each_group(few: CalibratedGate) -> None:
    for name, entry in few.certificate.structures.items():
        profile = few.profile.query("role == 'calibration' and structure == @name")
        rows = promise_rows(few, name)
        assert sum(row.patients_empty for row in rows) == entry.patients_empty > 0
        for row in rows:
            own = profile[profile["scanner"] == row.group]
            assert row.patients == len(own)
            assert row.patients_empty == own["predicted_dice"].isna().sum()


def test_groups_with_too_few_patients_have_rows_that_say_why(few: CalibratedGate) -> None:
    for name, entry in few.certificate.structures.items():
        rows = {row.group: row for row in promise_rows(few, name)}
        assert list(entry.accept.by_group) == ["A", "B"]
        assert list(rows) == ["A", "B", "C", "D"]
        for group in "CD":
            assert rows[group].threshold_in_words == "too few"
            assert rows[group].needed_in_words == "at least 22"
    body = key_numbers(few, shown_cases(few)).body
    assert body.count("<span>too few</span>") == 2 * 3
    assert body.count("<tr>") == 1 + 4 * 3


def test_small_groups_together_are_named(cohort: Cohort, cheap: dict[str, Any]) -> None:
    gate = by_scanner(cohort, cheap, 36)
    row = promise_rows(gate, "whole_case")[-1]
    assert row.group_in_words == "other (C, D)"
    shown = shown_cases(gate)
    assert row.members is not None
    assert row.patients == shown.of("whole_case")["scanner"].isin(row.members).sum()
    assert row.needed_in_words in ("certified", "unknown")


def test_without_calibration_patients_the_groups_of_the_fit_patients_have_rows(
    cohort: Cohort, cheap: dict[str, Any]
) -> None:
    gate = QualityGate(groups="site").calibrate(cohort(30), candidates=cheap)
    for row in promise_rows(gate, "anterior"):
        assert (row.patients, row.chance_in_words, row.needed_in_words) == (0, "0 %", "at least 22")
    assert [row.group for row in promise_rows(gate, "anterior")] == ["A", "B"]
    promise = gate.certificate.structures["anterior"].accept.promise
    assert promise.endswith("every case is referred.")


def test_all_patients_are_one_row_without_groups(cohort: Cohort, cheap: dict[str, Any]) -> None:
    gate = QualityGate().calibrate(cohort(100), candidates=cheap)
    (row,) = promise_rows(gate, "anterior")
    assert (row.group, row.members, row.patients) == ("all", None, 50)
