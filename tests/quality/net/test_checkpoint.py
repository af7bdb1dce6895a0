from pathlib import Path

import pytest
import torch
from net_cases import discs, tiny_net

from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.quality.net import CaseHead, VoxelHead

CASES = discs(12, 1)
NET = tiny_net(epochs=5, heads=(CaseHead(loss_kind="density"), VoxelHead()))


class Killed(BaseException):
    """What stops a training from outside."""


def killed_after(epoch: int, checkpoint: Path) -> None:
    """Kill a training in the middle of what follows this epoch."""

    def kill(words: str) -> None:
        if words.startswith(f"epoch {epoch + 1} "):
            raise Killed

    with pytest.raises(Killed):
        NET.fit(CASES, progress=kill, checkpoint=checkpoint)


@pytest.mark.parametrize("epochs", [[1], [1, 3]])
def test_a_killed_training_goes_on_to_the_same_weights(epochs: list[int], tmp_path: Path) -> None:
    checkpoint = tmp_path / "training.safetensors"
    for epoch in epochs:
        killed_after(epoch, checkpoint)
    words: list[str] = []
    resumed = NET.fit(CASES, progress=words.append, checkpoint=checkpoint)
    whole = NET.fit(CASES)
    first = next(one for one in words if one.startswith("epoch"))
    assert first.startswith(f"epoch {epochs[-1] + 1} of")
    assert resumed.history == whole.history
    for name, value in whole.weights.items():
        assert torch.equal(value, resumed.weights[name]), name


def test_other_settings_or_data_are_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "training.safetensors"
    killed_after(1, checkpoint)
    with pytest.raises(InputError, match="a checkpoint of these settings and cases"):
        tiny_net(epochs=5, seed=1).fit(CASES, checkpoint=checkpoint)
    with pytest.raises(InputError, match="a checkpoint of these settings and cases"):
        NET.fit(discs(12, 2), checkpoint=checkpoint)


def test_a_damaged_checkpoint_says_so(tmp_path: Path) -> None:
    checkpoint = tmp_path / "training.safetensors"
    checkpoint.write_bytes(b"nonsense")
    with pytest.raises(FileFormatError, match=r"a readable checkpoint training\.safetensors"):
        NET.fit(CASES, checkpoint=checkpoint)
