from typing import Any

import pandas as pd
import pytest

from segqc_conformal.calibrators import calibration_size
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.monitors import watched
from segqc_conformal.quality_gate import QualityGate


def test_a_gate_over_all_patients_has_one_segment(gate: CalibratedGate) -> None:
    found = watched(gate)
    (segment,) = found.segments
    assert (segment.name, segment.sites, segment.tolerated_error) == ("all", None, 0.1)
    assert segment.coverage is not None
    assert segment.coverage.bound > 0.1
    assert found.segment_of("anywhere") is segment
    assert found.dice_threshold == 0.8


def test_a_gate_by_site_has_one_segment_per_site_and_shares_d(
    cohort: Any, cheap: dict[str, Any]
) -> None:
    table: pd.DataFrame = cohort(400)
    rare = table["case_id"].isin([f"c{number:04d}" for number in range(0, 400, 40)])
    table["site"] = table["site"].where(~rare, "rare")
    gate = QualityGate(groups="site").calibrate(table, candidates=cheap)
    found = watched(gate, d_certificate=0.06)
    assert [segment.name for segment in found.segments] == ["A", "B", "other"]
    shares = [each.coverage.d_certificate for each in found.segments if each.coverage]
    assert shares == pytest.approx([0.02, 0.02])
    small = found.segments[2]
    assert (small.sites, small.coverage) == (("rare",), None)
    assert "small groups taken together" in small.no_coverage
    assert found.segment_of("rare") is small
    assert found.segment_of("elsewhere") is None


def test_few_patients_promise_nothing_that_audits_can_test(
    cohort: Any, cheap: dict[str, Any]
) -> None:
    assert calibration_size(1.0, 0.0, 0.1, 0.9) == 22
    (segment,) = watched(QualityGate().calibrate(cohort(30), candidates=cheap)).segments
    assert (segment.tolerated_error, segment.coverage) == (None, None)
    assert "no known law of their coverage" in segment.no_coverage
