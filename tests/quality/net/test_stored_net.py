import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from net_cases import BOTH, disc_and_bar, tiny_net

from segqc_conformal.errors import FileFormatError, TamperedError
from segqc_conformal.quality.net import (
    CaseHead,
    FittedQualityNet,
    GoodHead,
    PatchHead,
    VoxelHead,
)

NEW = disc_and_bar(4, 2)
ANEW = """
import json, sys
sys.path.insert(0, sys.argv[2])
from net_cases import disc_and_bar
from segqc_conformal.quality.net import FittedQualityNet
net = FittedQualityNet.load(sys.argv[1])
said = [net.predict(case) for case in disc_and_bar(4, 2)]
print(json.dumps([[one.features, one.maps["error"].tolist()] for one in said]))
"""


@pytest.fixture(scope="module")
def net() -> FittedQualityNet:
    heads = (VoxelHead(), CaseHead(loss_kind="focal"), PatchHead(4), GoodHead(0.5))
    backwards = dict(reversed(BOTH.items()))
    return tiny_net(structures=backwards, heads=heads, epochs=3).fit(disc_and_bar(12, 1))


def test_a_new_process_gives_the_same_outputs(net: FittedQualityNet, tmp_path: Path) -> None:
    net.save(tmp_path)
    import net_cases

    folder = str(Path(net_cases.__file__).parent)
    command = [sys.executable, "-c", ANEW, str(tmp_path), folder]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    for (features, error), case in zip(json.loads(run.stdout), NEW, strict=True):
        own = net.predict(case)
        assert features == own.features
        assert np.array_equal(np.array(error, np.float32), own.maps["error"])


def test_settings_patients_and_history_come_back(net: FittedQualityNet, tmp_path: Path) -> None:
    back = FittedQualityNet.load(net.save(tmp_path))
    assert back.settings == net.settings
    assert list(back.settings.structures) == ["bar", "disc"]
    assert (back.patients, back.history) == (net.patients, net.history)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.json", "net.safetensors"]


@pytest.mark.parametrize("place", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("name", ["net.json", "net.safetensors"])
def test_one_changed_byte_is_refused(
    net: FittedQualityNet, tmp_path: Path, name: str, place: float
) -> None:
    file = net.save(tmp_path) / name
    content = bytearray(file.read_bytes())
    content[int(place * len(content))] ^= 1
    file.write_bytes(content)
    with pytest.raises(TamperedError):
        FittedQualityNet.load(tmp_path)


def test_what_is_missing_or_unreadable_is_named(net: FittedQualityNet, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"net\.json"):
        FittedQualityNet.load(tmp_path)
    net.save(tmp_path)
    (tmp_path / "net.safetensors").unlink()
    with pytest.raises(FileFormatError, match=r"net\.safetensors"):
        FittedQualityNet.load(tmp_path)
