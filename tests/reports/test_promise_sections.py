import dataclasses

import numpy as np
import pytest

from segqc_conformal.calibrators.interval import DiceInterval
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.reports.evidence_sections import coverage
from segqc_conformal.reports.promise_sections import key_numbers
from segqc_conformal.reports.shown_cases import shown_cases

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
