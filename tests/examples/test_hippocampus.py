"""The real-data walk runs in its quick form, and says what it needs where it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "hippocampus.py"


def run(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, EXAMPLE, "--quick", "--out", tmp_path / "out"],
        env={**os.environ, "SEGQC_CACHE": str(tmp_path / "cache"), **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_quick_walk_prints_each_part_and_writes_the_report(tmp_path: Path) -> None:
    if not os.environ.get("SEGQC_DATA"):
        pytest.skip("SEGQC_DATA is not set: it names the folder of hippocampus data and models")
    result = run(tmp_path)
    assert result.returncode == 0, result.stderr
    # 12 of each part before the change; 9 judged after it, and 3 under the new promise
    assert [line.split()[1] for line in result.stdout.splitlines() if "whole_case  " in line] == [
        "12",
        "9",
        "3",
    ]
    assert "The contrast changed after case 3" in result.stdout
    assert len(list((tmp_path / "out" / "calibration").glob("*/certificate.json"))) == 2
    assert "After it, recalibrated" in (tmp_path / "out" / "report.html").read_text()


def test_without_weights_it_names_the_variable(tmp_path: Path) -> None:
    result = run(tmp_path, SEGQC_DATA=str(tmp_path))
    assert result.returncode == 1
    assert f"SEGQC_DATA={tmp_path}" in result.stderr
    assert not (tmp_path / "out").exists()
