import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest

from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.mask_file import find_masks
from segqc_conformal.sidecar import write_sidecars
from segqc_conformal.standing import Standing
from segqc_conformal.verdict_table import VERDICT_COLUMNS

Cohort = Callable[..., pd.DataFrame]
NOW = datetime(2026, 11, 28, 8, tzinfo=UTC)
OF_CASE = {"case_id", "patient_id", "site", "time", "model_id", "calibration"}


def refused_constant(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text("utf-8"), parse_constant=refused_constant)
    return content


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    text = files("segqc_conformal").joinpath("sidecar.schema.json").read_text()
    fields = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(fields)
    return jsonschema.Draft202012Validator(fields, format_checker=jsonschema.FormatChecker())


def judged(gate: CalibratedGate, cohort: Cohort, number: int = 6) -> pd.DataFrame:
    """Judge cases of which the first failed and the second is predicted empty."""
    table = cohort(number, 5000)
    cases = table["case_id"].unique()
    table.loc[table["case_id"] == cases[0], "failed"] = "the image is corrupt"
    table.loc[0, "feature_noise"] = np.nan
    if number > 1:
        table.loc[table["case_id"] == cases[1], "feature_volume_ml"] = 0.0
    return gate.judge(table)


def test_each_case_has_one_file_with_all_its_verdicts(
    gate: CalibratedGate,
    cohort: Cohort,
    tmp_path: Path,
    schema: jsonschema.Draft202012Validator,
) -> None:
    verdicts = judged(gate, cohort)
    paths = write_sidecars(gate, verdicts, tmp_path / "new", now=NOW)
    assert [path.name for path in paths] == [f"c500{number}.segqc.json" for number in range(6)]
    assert sorted((tmp_path / "new").iterdir()) == paths
    for path in paths:
        content = read(path)
        schema.validate(content)
        mine = verdicts[verdicts["case_id"] == content["case_id"]]
        assert {name: content[name] for name in OF_CASE - {"time"}} == {
            name: mine[name].iloc[0] for name in OF_CASE - {"time"}
        }
        assert pd.Timestamp(content["time"]) == mine["time"].iloc[0]
        assert [row["structure"] for row in content["verdicts"]] == mine["structure"].tolist()
        names = set(content["verdicts"][0]) - {"promises"}
        assert names == set(VERDICT_COLUMNS) - OF_CASE
        for row, (_, expected) in zip(content["verdicts"], mine.iterrows(), strict=True):
            assert row["accept"] is bool(expected["accept"])
            assert row["dice_low"] == pytest.approx(expected["dice_low"], abs=1e-9)
        whole = mine[mine["structure"] == "whole_case"].iloc[0]
        assert [content[name] for name in ("accept", "reason", "message")] == [
            bool(whole["accept"]),
            whole["reason"],
            whole["message"],
        ]
        assert content["assumptions"] == list(gate.certificate.assumptions)
        assert content["calibration"] == gate.id
        assert content["software"] == {
            "name": "segqc-conformal",
            "version": version("segqc-conformal"),
        }
        assert content["written"] == "2026-11-28T08:00:00+00:00"
        assert content["mask"] == {"judged": "fused"}


def test_failed_cases_have_a_sidecar_that_refers_and_promises_nothing(
    gate: CalibratedGate, cohort: Cohort, tmp_path: Path
) -> None:
    failed, empty, *_ = map(read, write_sidecars(gate, judged(gate, cohort), tmp_path))
    assert failed["accept"] is False
    assert failed["reason"] == "input_error"
    assert "the image is corrupt" in failed["verdicts"][0]["message"]
    assert failed["verdicts"][0]["predicted_dice"] is None
    assert failed["verdicts"][0]["accept_score"] is None
    assert "empty_prediction" in {row["reason"] for row in empty["verdicts"]}
    for row in (*failed["verdicts"], *empty["verdicts"]):
        if row["reason"] in ("input_error", "empty_prediction"):
            assert (row["dice_low"], row["dice_high"]) == (0.0, 1.0)
            assert row["promises"] == {"interval": None, "accept": None}


def test_a_promise_stands_where_the_certificate_makes_one(
    gate: CalibratedGate, cohort: Cohort, tmp_path: Path
) -> None:
    rows = [
        row
        for path in write_sidecars(gate, judged(gate, cohort, 40), tmp_path)
        for row in read(path)["verdicts"]
        if row["reason"] not in ("input_error", "empty_prediction")
    ]
    assert {row["accept"] for row in rows} == {True, False}
    for row in rows:
        certificate = gate.certificate.structures[row["structure"]]
        assert row["promises"] == {
            "interval": certificate.interval.promise,
            "accept": certificate.accept.promise if row["accept"] else None,
        }


def test_what_the_monitors_say_suspends_every_promise(
    gate: CalibratedGate,
    cohort: Cohort,
    tmp_path: Path,
    schema: jsonschema.Draft202012Validator,
) -> None:
    gate.save(tmp_path / "calibration")
    folder = CalibrationFolder(tmp_path / "calibration")
    watch = Standing("all", None, "WATCH", NOW.isoformat(), ("x changed",), refer=False)
    folder.publish(gate.id, [watch], log=NOW.isoformat(), stale_after_days=10**6)
    loaded = folder.load()
    verdicts = loaded.judge(cohort(2, 5000))
    for path in write_sidecars(loaded, verdicts, tmp_path / "side"):
        content = read(path)
        schema.validate(content)
        assert content["standing"] == [watch.words]
        assert {tuple(row["promises"].values()) for row in content["verdicts"]} == {(None, None)}
    assert read(write_sidecars(gate, verdicts, tmp_path / "side")[0])["standing"] == []


def test_the_file_of_the_mask_is_named_with_its_hash_and_geometry(
    gate: CalibratedGate,
    cohort: Cohort,
    tmp_path: Path,
    schema: jsonschema.Draft202012Validator,
) -> None:
    affine = np.diag([-1.0, -2.0, 3.0, 1.0])
    path = tmp_path / "masks" / "c5000.nii.gz"
    path.parent.mkdir()
    write_volume(path, np.zeros((4, 5, 6), np.uint8), affine)
    (path.parent / "c5001.nii.gz").write_bytes(b"none")
    verdicts = judged(gate, cohort, 3)
    contents = [
        read(one)
        for one in write_sidecars(gate, verdicts, tmp_path / "side", find_masks(path.parent))
    ]
    for content in contents:
        schema.validate(content)
    assert contents[0]["mask"] == {
        "judged": "fused",
        "file": "c5000.nii.gz",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "shape": [4, 5, 6],
        "spacing_mm": [1.0, 2.0, 3.0],
        "affine": affine.tolist(),
        "orientation": "LPS",
    }
    assert contents[1]["mask"]["file"] == "c5001.nii.gz"
    assert contents[1]["mask"]["fault"].startswith("case c5001: expected a readable NIfTI file")
    assert contents[2]["mask"] == {"judged": "fused"}


def test_the_schema_refuses_what_lacks_or_adds_something(
    gate: CalibratedGate,
    cohort: Cohort,
    tmp_path: Path,
    schema: jsonschema.Draft202012Validator,
) -> None:
    content = read(write_sidecars(gate, judged(gate, cohort, 1), tmp_path)[0])
    assert schema.is_valid(content)
    for name in content:
        assert not schema.is_valid({key: value for key, value in content.items() if key != name})
    assert not schema.is_valid(content | {"more": 1})
    assert not schema.is_valid(content | {"reason": "accepted"})
    assert not schema.is_valid(content | {"mask": {"judged": "fused", "sha256": "0" * 64}})


@pytest.mark.parametrize("case_id", ["a/b", "../up", "c 1", "ü:x", "..", "x" * 300])
def test_an_id_that_is_no_file_name_stays_in_the_folder(
    gate: CalibratedGate, cohort: Cohort, tmp_path: Path, case_id: str
) -> None:
    rows = gate.judge(cohort(1, 5000).assign(case_id=case_id))
    (path,) = write_sidecars(gate, rows, tmp_path / "out")
    assert path.parent == tmp_path / "out"
    assert read(path)["case_id"] == case_id
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_second_writing_replaces_and_leaves_nothing_behind(
    gate: CalibratedGate, cohort: Cohort, tmp_path: Path
) -> None:
    verdicts = gate.judge(cohort(2, 5000))
    first = [path.read_bytes() for path in write_sidecars(gate, verdicts, tmp_path, now=NOW)]
    again = write_sidecars(gate, verdicts, tmp_path, now=NOW)
    assert [path.read_bytes() for path in again] == first
    assert len(list(tmp_path.iterdir())) == 2
    # a writing that fails leaves the file that was there
    broken = replace(gate, certificate=replace(gate.certificate, assumptions=(float("nan"),)))
    with pytest.raises(ValueError, match="JSON"):
        write_sidecars(broken, verdicts, tmp_path, now=NOW)
    assert [path.read_bytes() for path in again] == first
    assert len(list(tmp_path.iterdir())) == 2
