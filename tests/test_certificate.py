import dataclasses
import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest

from segqc_conformal.calibrators import DiceInterval
from segqc_conformal.canonical_json import sha256_hex
from segqc_conformal.certificate import GateCertificate
from segqc_conformal.errors import FileFormatError
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.quality_gate import QualityGate


def test_json_and_back_is_the_same_certificate_with_the_same_id(gate: CalibratedGate) -> None:
    text = gate.certificate.to_json()
    again = GateCertificate.from_json(text)
    assert again == gate.certificate
    assert again.to_json() == text
    assert again.id == gate.certificate.id == sha256_hex(text.encode())


def test_a_certificate_of_another_schema_is_refused_by_its_number(gate: CalibratedGate) -> None:
    fields = json.loads(gate.certificate.to_json())
    assert fields["certificate_schema"] == 4
    with pytest.raises(FileFormatError, match="a certificate of schema 4; received 2"):
        GateCertificate.from_json(json.dumps({**fields, "certificate_schema": 2}))


def test_intervals_by_group_and_by_weight_survive_the_json(gate: CalibratedGate) -> None:
    y = np.linspace(0, 1, 60)
    grouped = DiceInterval().calibrate(y, y, groups=["A", "B"] * 30)
    weighted = DiceInterval().calibrate(y, y, weights=1.0 + y, weights_are="known")
    for interval in (grouped, weighted):
        entry = dataclasses.replace(gate.certificate.structures["anterior"], interval=interval)
        certificate = dataclasses.replace(gate.certificate, structures={"anterior": entry})
        again = GateCertificate.from_json(certificate.to_json())
        assert again == certificate
        assert again.id == certificate.id


def test_certificates_follow_the_json_schema_that_ships(
    gate: CalibratedGate, cohort: Callable[..., pd.DataFrame], cheap: dict[str, Any]
) -> None:
    text = files("segqc_conformal").joinpath("certificate.schema.json").read_text()
    check = jsonschema.Draft202012Validator(json.loads(text))
    settings = QualityGate(
        groups="site", family="all", looks="many", interval_confidence=0.9, side="lower"
    )
    gates = (
        gate,
        settings.calibrate(cohort(200), candidates=cheap),
        QualityGate(subsets={"all": ["anterior", "posterior"]}).calibrate(cohort(60)),
        QualityGate().calibrate(cohort(20), candidates=cheap),
    )
    for one in gates:
        check.validate(json.loads(one.certificate.to_json()))
    fields = json.loads(gate.certificate.to_json())
    del fields["structures"]["anterior"]["accept"]["tests"]
    assert not check.is_valid(fields)
    assert not check.is_valid({**fields, "more": 1})


def test_the_json_says_each_promise_in_words(gate: CalibratedGate) -> None:
    fields = json.loads(gate.certificate.to_json())
    assert set(fields["structures"]) == {"anterior", "posterior", "whole_case"}
    for name, entry in gate.certificate.structures.items():
        assert fields["structures"][name]["accept"]["promise"] == entry.accept.promise
        assert fields["structures"][name]["interval"]["promise"] == entry.interval.promise
    assert len(fields["assumptions"]) >= 5
    assert fields["identity"] == {
        "model_id": "m",
        "sampler_id": "s",
        "schema_version": "1",
        "judged": "fused",
    }


@pytest.mark.parametrize("field", ["identity", "settings", "data", "lineage", "files", "libraries"])
def test_every_part_changes_the_id(gate: CalibratedGate, field: str) -> None:
    changed = dataclasses.replace(gate.certificate, **{field: {"x": 1}})
    assert changed.id != gate.certificate.id


def test_a_certificate_cannot_be_changed(gate: CalibratedGate) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        gate.certificate.settings = {}  # type: ignore[misc]
