import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from segqc_conformal.cli.app import main
from segqc_conformal.features.table import write_table
from segqc_conformal.planning_words import chance_in_words, patients_in_words, per_cent


def test_explore_prints_a_table_and_writes_page_and_numbers_but_no_calibration(
    cohort: Callable[..., pd.DataFrame],
    cheap: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys.modules["segqc_conformal.quality.predictor"], "default_candidates", lambda *_: cheap
    )
    write_table(cohort(60), "features.parquet")
    words = "calibrate features.parquet --out fresh --explore --dice-threshold 0.77".split()
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "features.parquet",
        "fresh-explore.html",
        "fresh-explore.json",
    ]
    numbers = json.loads(Path("fresh-explore.json").read_text("utf-8"))
    assert {row["dice_threshold"] for row in numbers["outcomes"]} == {
        0.7,
        0.75,
        0.77,
        0.8,
        0.85,
        0.9,
    }
    assert "of whom no label was read" in " ".join(out.split())
    shown = [row for row in numbers["outcomes"] if row["dice_threshold"] == 0.77]
    assert len(shown) == 15
    for row in shown:
        needed = row["patients_needed"]
        chance = chance_in_words(row["p_certify"])
        start = f"{row['structure']} {per_cent(row['tolerated_error'])} {chance}"
        line = next(line for line in out.splitlines() if " ".join(line.split()).startswith(start))
        assert " ".join(line.split()).endswith(patients_in_words(needed))
