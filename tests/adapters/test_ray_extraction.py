"""Extraction on two real Ray workers: killed, resumed, and the same as one process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from segqc_conformal.features.batch import extract_batch, open_batch
from segqc_conformal.features.table import read_table

pytest.importorskip("ray", reason="needs the extra [ray]")
CASES, SHARDS = 40, 10


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Saved probabilities of so many voxels that a shard takes a while."""
    folder = tmp_path / "p"
    folder.mkdir()
    for number in range(CASES):
        inside = np.random.default_rng(number).uniform(size=(8, 1, 24, 24, 24))
        np.savez(
            folder / f"c{number:02d}.npz",
            probabilities=np.concatenate([1 - inside, inside], axis=1).astype(np.float32),
            spacing_mm=(1.0, 1.0, 1.0),
        )
    return folder


def words(out: str) -> list[str]:
    given = ["extract", "p", "--out", out, "--structures", "disc=1", "--model-id", "m"]
    return [*given, "--shard", str(SHARDS), "--ray", "--workers", "2"]


def written(folder: Path) -> list[Path]:
    return sorted(folder.glob("t.parquet.shards/*.parquet"))


def test_killed_in_mid_run_and_resumed_it_is_the_table_of_one_process(
    archive: Path, tmp_path: Path, guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = subprocess.Popen(
        [sys.executable, "-m", "segqc_conformal", *words("t.parquet")],
        env=guarded.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    started = time.monotonic()
    while not written(tmp_path):
        assert run.poll() is None, run.stderr.read()
        assert time.monotonic() - started < 240
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    run.stderr.close()
    assert not (tmp_path / "t.parquet").exists()
    before = {path: path.stat().st_mtime_ns for path in written(tmp_path)}
    assert 0 < len(before) < SHARDS

    done = guarded.python("-m", "segqc_conformal", *words("t.parquet"))
    assert done.returncode == 0, done.stderr
    assert len(written(tmp_path)) == SHARDS
    assert {path: path.stat().st_mtime_ns for path in before} == before

    extract_batch(open_batch("p", model_id="m"), "whole.parquet", {"disc": 1}, progress=False)
    assert Path("t.parquet").read_bytes() == Path("whole.parquet").read_bytes()
    assert read_table("t.parquet")["case_id"].nunique() == CASES
    assert guarded.refused == []
