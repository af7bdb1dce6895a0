import dataclasses

import numpy as np
import pytest

from segqc_conformal.calibrators.interval import DiceInterval
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.reports.evidence_sections import coverage
from segqc_conformal.reports.promise_sections import key_numbers, promises
from segqc_conformal.reports.shown_cases import shown_cases
from segqc_conformal.reports.summary_section import summary

Y = np.linspace(0, 1, 60)


def with_interval(gate: CalibratedGate, interval) -> CalibratedGate:
    structures = {
        name: dataclasses.replace(entry, interval=interval)
        for name, entry in gate.certificate.structures.items()
    }
    certificate = dataclasses.replace(gate.certificate, structures=structures)
    return dataclasses.replace(gate, certificate=certificate)


@pytest.mark.parametrize(
    ("settings", "quantile", "expected"),
    [
        ({"groups": ["A", "B"] * 30}, "one per group", "not known"),
        (
            {"weights": 1 + Y, "weights_are": "known"},
            "by the weight of the case",
            "not known",
        ),
        ({"patients": np.arange(60) % 5}, "none: [0, 1]", "always"),
    ],
)
def test_intervals_without_one_quantile_are_told_as_what_they_are(
    gate, evaluation, settings, quantile, expected
):
    cases = shown_cases(gate, evaluation)
    other = with_interval(gate, DiceInterval().calibrate(Y, Y, **settings))
    assert key_numbers(other, cases).body.count(f"<span>{quantile}</span>") == 3
    assert coverage(other, cases).body.count(f"<span>{expected}</span>") == 3


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        (None, "Nothing is promised for a single site."),
        ("site", "Each site that was calibrated by itself has promises of its own."),
    ],
)
def test_what_is_promised_for_a_single_site_depends_on_the_groups(cohort, cheap, groups, words):
    gate = QualityGate(groups=groups).calibrate(cohort(100), candidates=cheap)
    body = coverage(gate, shown_cases(gate)).body
    assert words in body
    assert ("Nothing is promised" in body) == (groups is None)


def test_each_group_has_a_box_of_its_own_kind_and_the_summary_names_the_refused(cohort, cheap):
    table = cohort(300)
    spoilt = table["site"] == "B"
    table["dice"] = table["dice"].where(~spoilt, 0.9 * table["dice"] - 0.2).clip(0, 1)
    gate = QualityGate(groups="site").calibrate(table, candidates=cheap)
    assert gate.certificate.structures["whole_case"].accept.threshold["A"] is not None
    assert gate.certificate.structures["whole_case"].accept.threshold["B"] is None
    body = promises(gate).body
    assert body.count('<div class="notice good">With 90% confidence') == 3
    assert body.count('<div class="notice caution">Cannot certify') == 3
    assert "By site, nothing can be accepted in: B." in summary(gate, shown_cases(gate)).body
