import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.gate import CalibratedGate
from segqc_conformal.sidecar import write_sidecars
from segqc_conformal.verdict_table import VERDICT_COLUMNS

Cohort = Callable[..., pd.DataFrame]


def refused_constant(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


def test_each_case_has_one_file_with_all_its_verdicts(
    gate: CalibratedGate, cohort: Cohort, tmp_path: Path
) -> None:
    table = cohort(6, 5000)
    table.loc[0, "feature_noise"] = np.nan
    verdicts = gate.judge(table)
    paths = write_sidecars(verdicts, tmp_path / "new")
    assert [path.name for path in paths] == [f"c500{number}.segqc.json" for number in range(6)]
    assert sorted((tmp_path / "new").iterdir()) == paths
    for path in paths:
        content = json.loads(path.read_text(), parse_constant=refused_constant)
        mine = verdicts[verdicts["case_id"] == content["case_id"]]
        assert [row["structure"] for row in content["verdicts"]] == mine["structure"].tolist()
        assert set(content["verdicts"][0]) == set(VERDICT_COLUMNS) - {"case_id"}
        for row, (_, expected) in zip(content["verdicts"], mine.iterrows(), strict=True):
            assert row["accept"] is bool(expected["accept"])
            assert row["dice_low"] == pytest.approx(expected["dice_low"], abs=1e-9)
            assert pd.Timestamp(row["time"]) == expected["time"]
    first = json.loads(paths[0].read_text())["verdicts"][0]
    assert (first["predicted_dice"], first["accept_score"]) == (None, None)


@pytest.mark.parametrize("case_id", ["a/b", "../up", "c 1", "ü:x", "..", "x" * 300])
def test_an_id_that_is_no_file_name_stays_in_the_folder(tmp_path: Path, case_id: str) -> None:
    rows = pd.DataFrame({"case_id": [case_id], "structure": ["lesion"]})
    (path,) = write_sidecars(rows, tmp_path / "out")
    assert path.parent == tmp_path / "out"
    assert json.loads(path.read_text(encoding="utf-8"))["case_id"] == case_id
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_second_writing_replaces_and_leaves_nothing_behind(
    gate: CalibratedGate, cohort: Cohort, tmp_path: Path
) -> None:
    verdicts = gate.judge(cohort(2, 5000))
    first = [path.read_bytes() for path in write_sidecars(verdicts, tmp_path)]
    assert [path.read_bytes() for path in write_sidecars(verdicts, tmp_path)] == first
    assert len(list(tmp_path.iterdir())) == 2
