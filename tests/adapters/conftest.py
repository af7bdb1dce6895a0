"""One network in every shape in which a hospital may have it, and scans for it."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from deployed_models import (
    AFFINE,
    SHAPE,
    unet,
    write_bundle,
    write_exported,
    write_onnx,
    write_torchscript,
)
from judged_slices import judge_of, network

from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.judged_model import JudgedModel


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder that holds one network as ``m.pt2``, ``m.ts``, ``m.onnx`` and ``bundle/``."""
    folder = tmp_path_factory.mktemp("deployed")
    model = unet()
    write_exported(model, folder / "m.pt2")
    write_torchscript(model, folder / "m.ts")
    write_onnx(model, folder / "m.onnx")
    write_bundle(model, folder / "bundle")
    return folder


@pytest.fixture(scope="session")
def judge() -> JudgedModel:
    """Give a judge of deployed masks of small 2-D cases."""
    return judge_of(network(), "deployed")


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Give a folder of two scans, ``c1.nii.gz`` and ``c2.nii.gz``."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in (1, 2):
        image = np.random.default_rng(number).normal(size=SHAPE).astype(np.float32)
        write_volume(folder / f"c{number}.nii.gz", image, AFFINE)
    return folder


@pytest.fixture
def damaged() -> Callable[[Path, Path, str], Path]:
    """Give a way to copy a file with a damage done to it."""

    def copy(whole: Path, other: Path, damage: str) -> Path:
        content = whole.read_bytes()
        kinds = {"truncated": content[: len(content) // 2], "garbage": b"\x03" * 500, "empty": b""}
        if damage != "missing":
            other.write_bytes(kinds[damage])
        return other

    return copy
