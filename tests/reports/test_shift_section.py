import re
from collections.abc import Callable
from typing import Any

import pandas as pd

from segqc_conformal.calibrators.shift_sensitivity import accept_sensitivity
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.reports.page import percent
from segqc_conformal.reports.shift_section import shift_sensitivity


def cells(text: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", text)
    return [re.findall(r"<span>(.*?)</span>", row) for row in rows][1:]


def test_each_promise_has_its_line_and_the_whole_case_its_words(gate: CalibratedGate) -> None:
    section = shift_sensitivity(gate)
    rows = cells(section.body)
    certified = [name for name, one in gate.certificate.structures.items() if one.accept.certified]
    assert "whole_case" in certified
    assert [row[1] for row in rows].count("interval") == 3
    assert [row[1] for row in rows].count("accept") == len(certified)
    found = accept_sensitivity(gate.certificate.structures["whole_case"].accept)
    assert found is not None
    shown = f"{100 * found.shift:.1f} of 100 patients"
    assert ["Whole case", "accept", percent(found.rate, 1), "15.0 %", shown] in rows
    assert found.in_words in section.body


def test_a_gate_without_promises_has_nothing_to_break(tiny_gate: CalibratedGate) -> None:
    assert "No promise about one population is here" in shift_sensitivity(tiny_gate).body


def test_groups_have_accept_lines_of_their_own(
    cohort: Callable[..., pd.DataFrame], cheap: dict[str, Any]
) -> None:
    gate = QualityGate(groups="site", tolerated_error=0.2).calibrate(cohort(240), candidates=cheap)
    rows = cells(shift_sensitivity(gate).body)
    certified = {
        f"anterior, {group}"
        for group, one in gate.certificate.structures["anterior"].accept.by_group.items()
        if one.certified
    }
    assert certified
    assert {row[0] for row in rows if row[0].startswith("anterior")} == certified
    assert {row[1] for row in rows} == {"accept"}
