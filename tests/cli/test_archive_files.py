"""The files of docs/archives, run as they stand."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from segqc_conformal.cli.app import main
from segqc_conformal.features.batch import open_batch
from segqc_conformal.features.batch_extraction import extract_batch

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "archives"
STRUCTURES = {"anterior": 1, "posterior": 2}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Saved probabilities of four patients, and a `segqc` on the path."""
    (tmp_path / "probabilities").mkdir()
    for number in range(4):
        raw = np.random.default_rng(number).uniform(size=(2, 3, 6, 6))
        np.savez(
            tmp_path / "probabilities" / f"c{number}.npz",
            probabilities=raw / raw.sum(axis=1, keepdims=True),
            spacing_mm=(1.0, 1.0),
        )
    ids = [f"c{number}" for number in range(4)]
    pd.DataFrame({"case_id": ids, "patient_id": ids}).to_csv(tmp_path / "cases.csv", index=False)
    (tmp_path / "segqc").write_text(f'#!/bin/sh\nexec {sys.executable} -m segqc_conformal "$@"\n')
    (tmp_path / "segqc").chmod(0o755)
    return tmp_path


def run(archive: Path, script: str, **variables: object) -> None:
    path = os.pathsep.join([str(archive), os.environ["PATH"]])
    subprocess.run(
        ["bash", "-c", script],
        check=True,
        cwd=archive,
        env={**os.environ, "PATH": path, **{name: str(text) for name, text in variables.items()}},
        capture_output=True,
    )


def of_one_process(archive: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.chdir(archive)
    batch = open_batch("probabilities", model_id="nnunet-v3", case_list=Path("cases.csv"))
    extract_batch(batch, "whole.parquet", STRUCTURES, progress=False)
    return Path("whole.parquet").read_bytes()


def test_the_tasks_of_slurm_and_kubernetes_and_the_join_make_the_table(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = (FOLDER / "extract.slurm").read_text()
    run(archive, array, SLURM_ARRAY_TASK_ID=1, SLURM_ARRAY_TASK_COUNT=2, SLURM_CPUS_PER_TASK=1)
    job = yaml.safe_load((FOLDER / "kubernetes-extract-job.yaml").read_text())["spec"]
    assert job["completionMode"] == "Indexed"
    (container,) = job["template"]["spec"]["containers"]
    *shell, command = container["command"]
    assert shell == ["sh", "-ec"]
    assert command.endswith(f'/{job["completions"]}"')
    run(archive, command.replace("/64", "/2"), JOB_COMPLETION_INDEX=1)
    assert len(list((archive / "features.parquet.shards").glob("*.parquet"))) == 2
    run(archive, (FOLDER / "join.slurm").read_text(), SEGQC_SHARDS=2)
    written = (archive / "features.parquet").read_bytes()
    assert written == of_one_process(archive, monkeypatch)


def test_the_commands_of_the_page_make_the_table_of_one_process(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(archive)
    (block,) = re.findall(r"```bash\n(.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL)
    for line in block.splitlines():
        with pytest.raises(SystemExit) as stop:
            main(shlex.split(line)[1:])
        assert stop.value.code == 0, line
    batch = open_batch("probabilities", model_id="m1")
    extract_batch(batch, "whole.parquet", {"disc": 1}, progress=False)
    assert Path("features.parquet").read_bytes() == Path("whole.parquet").read_bytes()


def test_every_file_is_named_in_the_page_and_nothing_else_is() -> None:
    named = set(re.findall(r"`([\w-]+\.(?:slurm|yaml))`", (FOLDER / "README.md").read_text()))
    assert named == {path.name for path in FOLDER.iterdir()} - {"README.md"}
