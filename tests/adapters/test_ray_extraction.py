"""Extraction on two real Ray workers: killed, resumed, and the same as one process."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from segqc_conformal.adapters.ray_extraction import _refuse, _Worker
from segqc_conformal.errors import InputError
from segqc_conformal.features.batch import open_batch
from segqc_conformal.features.batch_extraction import extract_batch
from segqc_conformal.features.table import read_table
from segqc_conformal.measures.schema import STANDARD

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


def words(out: str, workers: int) -> list[str]:
    given = ["extract", "p", "--out", out, "--structures", "disc=1", "--model-id", "m"]
    return [*given, "--shard", str(SHARDS), "--ray", "--workers", str(workers)]


def written(folder: Path) -> list[Path]:
    return sorted(folder.glob("t.parquet.shards/*.parquet"))


def test_killed_in_mid_run_and_resumed_it_is_the_table_of_one_process(
    archive: Path, tmp_path: Path, guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = subprocess.Popen(
        [sys.executable, "-m", "segqc_conformal", *words("t.parquet", workers=2)],
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

    # a single worker has the only core, and nothing else may wait for it
    done = guarded.python("-m", "segqc_conformal", *words("t.parquet", workers=1))
    assert done.returncode == 0, done.stderr
    assert len(written(tmp_path)) == SHARDS
    assert {path: path.stat().st_mtime_ns for path in before} == before

    extract_batch(open_batch("p", model_id="m"), "whole.parquet", {"disc": 1}, progress=False)
    assert Path("t.parquet").read_bytes() == Path("whole.parquet").read_bytes()
    assert read_table("t.parquet")["case_id"].nunique() == CASES
    assert guarded.refused == []


def test_a_worker_says_why_a_shard_is_not_there_and_goes_on(archive: Path, tmp_path: Path) -> None:
    def worker(folder: Path) -> _Worker:
        opening = partial(open_batch, str(folder), model_id="m")
        where = (str(Path.cwd()), str(tmp_path / "t.csv"))
        return _Worker(opening, *where, {"disc": 1}, CASES + 1, STANDARD)

    row = worker(archive)({"shard": CASES + 1})
    assert f"expected a shard I/N with 1 <= I <= N <= {CASES}, the number of cases" in row["why"]
    row = worker(tmp_path / "elsewhere")({"shard": 1})
    assert "expected an existing folder" in row["why"]
    with pytest.raises(InputError, match="received 1 that could not be extracted, shard 1: exp"):
        _refuse([f"shard 1: {row['why']}"], CASES)
    _refuse([], CASES)
