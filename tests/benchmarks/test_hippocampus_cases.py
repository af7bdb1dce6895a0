"""Patients that a model has seen, or that are kept for final figures, stay out of the pool."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hippocampus_cases import FINAL_TEST, TRAINED_ON, held_out_patients, pool_patients


def test_pool_is_what_neither_training_nor_final_test_holds(tmp_path: Path) -> None:
    for number in [*TRAINED_ON, *FINAL_TEST, "901", "902"]:
        (tmp_path / f"hippocampus_{number}.nii.gz").touch()
    assert set(pool_patients(tmp_path)) == {"hippocampus_901", "hippocampus_902"}
    assert len(held_out_patients(tmp_path)) == 62


def test_lists_are_those_of_the_data() -> None:
    folder = os.environ.get("SEGQC_DATA")
    if not folder:
        pytest.skip("SEGQC_DATA is not set: it names the folder of data and models")
    data = Path(folder) / "data/hippocampus"
    split = json.loads((data / "split.json").read_text())
    assert sorted(FINAL_TEST) == sorted(split["final_test"])
    assert sorted(TRAINED_ON) == sorted(split["segmentation_training"])
    pool = {patient.removeprefix("hippocampus_") for patient in pool_patients(data / "images")}
    assert pool == set(split["pool"])
