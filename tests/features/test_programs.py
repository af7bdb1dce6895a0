"""Which models a user names, and by what two of them differ."""

from pathlib import Path

import pytest

from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.features.batch import open_batch
from segqc_conformal.features.programs import find_programs, programs_as_sampler, programs_sha256


def bundle(folder: Path) -> Path:
    for part in ("configs", "models", "scripts/nets"):
        (folder / part).mkdir(parents=True)
    (folder / "configs" / "metadata.json").write_text("{}")
    (folder / "configs" / "inference.json").write_text("{}")
    (folder / "models" / "model.pt").write_bytes(b"weights")
    (folder / "scripts" / "nets" / "net.py").write_text("")
    return folder


def test_bundles_of_other_versions_are_models_of_one_kind(tmp_path: Path) -> None:
    folders = [bundle(tmp_path / name) for name in ("spleen_v0.5", "spleen_v0.6")]
    assert find_programs(", ".join(map(str, folders))) == tuple(folders)


def test_a_bundle_and_a_file_are_models_of_two_kinds(tmp_path: Path) -> None:
    (tmp_path / "m.pt2").touch()
    with pytest.raises(FileFormatError, match="models of one kind"):
        find_programs(f"{bundle(tmp_path / 'b')},{tmp_path / 'm.pt2'}")


@pytest.mark.parametrize(
    "changed", ["configs/inference.json", "models/model.pt", "scripts/nets/net.py"]
)
def test_whatever_decides_what_a_bundle_computes_is_in_its_hash(
    tmp_path: Path, changed: str
) -> None:
    folder = bundle(tmp_path / "b")
    before = programs_sha256((folder,))
    (folder / "eval").mkdir()
    (folder / "eval" / "metrics.csv").write_text("an earlier result")
    assert programs_sha256((folder,)) == before
    (folder / changed).write_text("other")
    assert programs_sha256((folder,)) != before


@pytest.mark.parametrize("suffix", [".pt2", ".ts", ".pt"])
def test_a_gpu_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match="a GPU that torch sees, for device cuda"):
        programs_as_sampler((tmp_path / f"m{suffix}",), "softmax", None, device="cuda")
    with pytest.raises(InputError, match="a GPU that torch sees, for device cuda"):
        programs_as_sampler((bundle(tmp_path / "b"),), "softmax", None, True, device="cuda")


def test_options_of_models_are_refused_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="models, for a device"):
        open_batch(str(tmp_path), model_id="m", device="cuda")
    folder = bundle(tmp_path / "b")
    (folder / "configs" / "metadata.json").unlink()
    with pytest.raises(InputError, match=r"a MONAI bundle, with configs/metadata\.json"):
        open_batch(str(folder), images=tmp_path, trust_config=True)
