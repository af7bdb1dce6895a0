from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from segqc_conformal.cli.tables import print_certificates, print_frame
from segqc_conformal.quality_gate import QualityGate

Cohort = Callable[..., pd.DataFrame]
LONG = "posterior_cruciate_ligament_left"


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_certificates_fit_a_narrow_terminal_and_no_name_is_cut(
    cohort: Cohort, cheap: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    gate = QualityGate(groups="site").calibrate(cohort(120), candidates=cheap)
    print_certificates(gate)
    out = capsys.readouterr().out
    assert "…" not in out
    assert max(len(line.rstrip()) for line in out.splitlines()) <= 80
    assert sum(line.split()[:2] == ["whole_case", "A"] for line in out.splitlines()) == 1


def test_calibration_by_group_from_few_patients_prints_rows_that_say_why(
    cohort: Cohort, cheap: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    print_certificates(QualityGate(groups="site").calibrate(cohort(30), candidates=cheap))
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    (row,) = [row for row in rows if row[:2] == ["anterior", "B"]]
    assert row[2:] == "0 none: [0, too few 0 % at least 22".split()


def test_long_names_go_on_in_the_next_line(capsys: pytest.CaptureFixture[str]) -> None:
    many = {f"column {number}": ["some words here"] for number in range(7)}
    print_frame(pd.DataFrame({"structure": [LONG], **many}), "Title")
    out = capsys.readouterr().out
    assert "…" not in out
    assert LONG in "".join(line.split()[0] for line in out.splitlines() if line.strip())


def test_a_tiny_chance_is_not_printed_as_a_power_of_ten(
    cohort: Cohort, cheap: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    table = cohort(200)
    bad = table["dice"].where(table.index % 3 == 0, 0.5)
    gate = QualityGate().calibrate(table.assign(dice=bad), candidates=cheap)
    assert any(
        0.0 < chance < 1e-3
        for entry in gate.certificate.structures.values()
        for chance in entry.certify_chances.values()
    )
    print_certificates(gate)
    out = capsys.readouterr().out
    assert "< 0.1 %" in out
    assert "e-" not in out
