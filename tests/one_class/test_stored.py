from pathlib import Path

import pandas as pd
import pytest
from made_up import drawn

import segqc_conformal as sq
from segqc_conformal.one_class.methods import METHODS

BOTH = ("liver", "spleen")


def calibrated(method: str, structures: tuple[str, ...] = BOTH) -> sq.CalibratedOneClass:
    features = ["feature_a"] if method == "value" else None
    return sq.OneClass(method, features, false_alarm=0.1).calibrate(drawn(60, 0, structures))


@pytest.mark.parametrize(
    ("method", "structures"), [("mahalanobis", BOTH), *((each, BOTH[:1]) for each in METHODS)]
)
def test_what_is_loaded_judges_the_same_to_the_bit(
    method: str, structures: tuple[str, ...], tmp_path: Path
) -> None:
    saved = calibrated(method, structures)
    loaded = sq.CalibratedOneClass.load(saved.save(tmp_path / "new" / "folder"))
    new = drawn(10, 1, structures, away=1.0)
    pd.testing.assert_frame_equal(loaded.judge(new), saved.judge(new), check_exact=True)
    for name in saved.structures:
        assert loaded.promise(name) == saved.promise(name)
    assert loaded.left_out == saved.left_out


@pytest.mark.parametrize("name", ["one_class.json", "one_class.skops"])
def test_a_changed_byte_is_refused(name: str, tmp_path: Path) -> None:
    file = calibrated("mahalanobis").save(tmp_path) / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(sq.TamperedError, match=name.replace(".", r"\.")):
        sq.CalibratedOneClass.load(tmp_path)


def test_a_folder_without_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(sq.FileFormatError, match=r"one_class\.json"):
        sq.CalibratedOneClass.load(tmp_path)
    (calibrated("value").save(tmp_path) / "one_class.skops").unlink()
    with pytest.raises(sq.TamperedError, match=r"one_class\.skops"):
        sq.CalibratedOneClass.load(tmp_path)
