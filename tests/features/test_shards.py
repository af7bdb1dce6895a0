"""Parts of a batch: each case in one of them, each part extracted once for the same content."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.features.batch import Batch, open_batch
from segqc_conformal.features.extractor import FeatureExtractor
from segqc_conformal.features.shards import extract_in_shards, extract_shard, shard_of
from segqc_conformal.features.table import read_table

STRUCTURES = {"disc": 1}


def saved(folder: Path, number: int, seed: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    inside = np.random.default_rng([seed, number]).uniform(size=(2, 1, 6, 6))
    np.savez(
        folder / f"c{number}.npz",
        probabilities=np.concatenate([1 - inside, inside], axis=1),
        spacing_mm=(1.0, 1.0),
    )


def batch(folder: Path, model_id: str = "m") -> Batch:
    return open_batch(str(folder), model_id=model_id)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    for number in range(7):
        saved(tmp_path / "p", number)
    return tmp_path / "p"


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """List the cases that were computed, as they come."""
    done: list[str] = []
    real = FeatureExtractor.accumulate

    def counted(extractor, case):
        done.append(case.case_id)
        return real(extractor, case)

    monkeypatch.setattr(FeatureExtractor, "accumulate", counted)
    return done


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_the_parts_hold_each_case_once(archive: Path, of: int) -> None:
    whole = batch(archive)
    parts = [shard_of(whole, number, of).cases for number in range(1, of + 1)]
    assert sorted(case.case_id for part in parts for case in part) == [f"c{n}" for n in range(7)]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(("number", "of"), [(0, 2), (3, 2), (1, 8), (1, 0)])
def test_parts_that_are_not_there_are_refused(archive: Path, number: int, of: int) -> None:
    with pytest.raises(InputError, match="number the shards from 1"):
        shard_of(batch(archive), number, of)


def test_a_part_that_is_there_is_not_computed_again(
    archive: Path, tmp_path: Path, computed: list[str]
) -> None:
    out = tmp_path / "t.parquet"
    first = extract_shard(batch(archive), out, STRUCTURES, 1, 2, progress=False)
    assert computed == ["c0", "c2", "c4", "c6"]
    assert extract_shard(batch(archive), out, STRUCTURES, 1, 2, progress=False) == first
    assert len(computed) == 4
    table = extract_in_shards(batch(archive), out, STRUCTURES, 2, progress=False)
    assert computed[4:] == ["c1", "c3", "c5"]
    assert table["case_id"].tolist() == [f"c{number}" for number in range(7)]


def test_the_same_files_elsewhere_are_the_same_part(
    archive: Path, tmp_path: Path, computed: list[str]
) -> None:
    out = tmp_path / "t.parquet"
    here = extract_shard(batch(archive), out, STRUCTURES, 1, 2, progress=False)
    shutil.copytree(archive, tmp_path / "copy", copy_function=shutil.copyfile)
    assert extract_shard(batch(tmp_path / "copy"), out, STRUCTURES, 1, 2, progress=False) == here
    assert len(computed) == 4


@pytest.mark.parametrize("change", ["file", "model", "structures", "cases"])
def test_another_content_is_another_part(archive: Path, tmp_path: Path, change: str) -> None:
    out = tmp_path / "t.parquet"
    before = extract_shard(batch(archive), out, STRUCTURES, 1, 2, progress=False)
    if change == "file":
        saved(archive, 2, seed=1)
    if change == "cases":
        shutil.copyfile(archive / "c0.npz", archive / "b.npz")
    changed = batch(archive, "n" if change == "model" else "m")
    structures = {"circle": 1} if change == "structures" else STRUCTURES
    after = extract_shard(changed, out, structures, 1, 2, progress=False)
    assert after != before
    assert before.exists()


def test_a_part_with_a_failed_case_is_tried_again_and_nothing_else_of_it(
    archive: Path, tmp_path: Path, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "t.parquet"
    counted = FeatureExtractor.accumulate

    def fails_once(extractor, case):
        accumulated = counted(extractor, case)
        if case.case_id == "c2" and computed.count("c2") == 1:
            raise MemoryError
        return accumulated

    monkeypatch.setattr(FeatureExtractor, "accumulate", fails_once)
    first = extract_shard(batch(archive), out, STRUCTURES, 1, 2, progress=False)
    assert read_table(first).set_index("case_id")["failed"].notna().tolist() == [0, 1, 0, 0]
    assert extract_shard(batch(archive), out, STRUCTURES, 1, 2, progress=False) == first
    assert computed == ["c0", "c2", "c4", "c6", "c2"]
    assert read_table(first)["failed"].isna().all()
