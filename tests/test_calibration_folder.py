import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.adapters.skops_store import dump_models
from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.canonical_json import sha256_hex
from segqc_conformal.errors import (
    CalibrationError,
    FileFormatError,
    InputError,
    SegqcError,
    TamperedError,
)
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.quality_gate import QualityGate

Cohort = Callable[..., pd.DataFrame]
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.fixture
def folder(gate: CalibratedGate, tmp_path: Path) -> Path:
    gate.save(tmp_path / "calibration", by="ann", reason="first", now=NOW)
    return tmp_path / "calibration"


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_folder_holds_the_documented_files_and_nothing_else(
    gate: CalibratedGate, folder: Path
) -> None:
    assert [str(path.relative_to(folder)) for path in files_of(folder)] == sorted(
        [
            "ACTIVE",
            *(
                f"{gate.id}/{name}"
                for name in ("certificate.json", "predictor.skops", "profile.parquet")
            ),
        ]
    )
    assert sha256_hex((folder / gate.id / "certificate.json").read_bytes()) == gate.id
    assert (folder / "ACTIVE").read_text().splitlines()[0] == gate.id
    for name, digest in gate.certificate.files.items():
        assert sha256_hex((folder / gate.id / name).read_bytes()) == digest


def test_a_loaded_gate_is_the_saved_one(gate: CalibratedGate, folder: Path, cohort: Cohort) -> None:
    loaded = CalibratedGate.load(folder)
    assert loaded.id == gate.id
    assert loaded.certificate == gate.certificate
    pd.testing.assert_frame_equal(loaded.profile, gate.profile, check_dtype=False)
    pd.testing.assert_frame_equal(loaded.judge(cohort(50, 5000)), gate.judge(cohort(50, 5000)))


JUDGE = """
import sys
import pandas as pd
from segqc_conformal.gate import CalibratedGate
table = pd.read_parquet(sys.argv[2])
CalibratedGate.load(sys.argv[1]).judge(table).to_parquet(sys.argv[3])
"""


def test_a_new_process_gives_bit_identical_verdicts(cohort: Cohort, tmp_path: Path) -> None:
    gate = QualityGate().calibrate(cohort(60, empty=0.03))
    gate.save(tmp_path / "calibration")
    new = cohort(80, 5000, empty=0.05)
    new.loc[4, "feature_noise"] = np.nan
    new.to_parquet(tmp_path / "new.parquet")
    arguments = [str(tmp_path / name) for name in ("calibration", "new.parquet", "out.parquet")]
    subprocess.run([sys.executable, "-c", JUDGE, *arguments], check=True)
    found, expected = pd.read_parquet(arguments[2]), gate.judge(new)
    for column in ("predicted_dice", "dice_low", "dice_high", "accept_score"):
        assert found[column].to_numpy().tobytes() == expected[column].to_numpy().tobytes()
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_dtype=False)


def every_use(folder: Path) -> None:
    CalibratedGate.load(folder)
    CalibrationFolder(folder).certificates()


def test_any_changed_byte_is_refused(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for path in files_of(folder):
        whole = path.read_bytes()
        ends = [0, 1, 63, 64, 65, len(whole) - 66, len(whole) - 2, len(whole) - 1]
        for place in {*ends, *rng.integers(0, len(whole), 12).tolist()}:
            for value in (whole[place] ^ 1, whole[place] ^ 0x20, whole[place] ^ 0x80, 0, 10):
                if value == whole[place]:
                    continue
                path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
                with pytest.raises((TamperedError, InputError)):
                    every_use(folder)
        path.write_bytes(whole)
    every_use(folder)


def test_any_removed_or_added_byte_is_refused(folder: Path) -> None:
    for path in files_of(folder):
        whole = path.read_bytes()
        middle = len(whole) // 2
        for content in (
            b"",
            b"\n",
            whole[:-1],
            whole[1:],
            whole[:middle],
            whole + b"\n",
            b" " + whole,
            whole[:middle] + b"x" + whole[middle:],
            whole[:middle] + whole[middle + 1 :],
            whole.replace(b"\n", b"\r\n"),
            whole + whole,
        ):
            if content == whole:
                continue
            path.write_bytes(content)
            with pytest.raises(TamperedError):
                every_use(folder)
        path.write_bytes(whole)
    every_use(folder)


def test_any_removed_file_is_refused(folder: Path) -> None:
    for path in files_of(folder):
        whole = path.read_bytes()
        path.unlink()
        with pytest.raises(SegqcError):
            every_use(folder)
        path.mkdir()
        with pytest.raises(SegqcError):
            every_use(folder)
        path.rmdir()
        path.write_bytes(whole)
    every_use(folder)


def test_a_file_more_in_a_version_is_refused(gate: CalibratedGate, folder: Path) -> None:
    (folder / gate.id / "notes.txt").write_text("harmless")
    with pytest.raises(TamperedError, match=r"notes\.txt"):
        CalibratedGate.load(folder)


def test_a_version_under_another_name_is_refused(gate: CalibratedGate, folder: Path) -> None:
    other = "0" * 64
    (folder / gate.id).rename(folder / other)
    with pytest.raises(InputError, match="a version of"):
        CalibratedGate.load(folder)
    with pytest.raises(TamperedError):
        CalibratedGate.load(folder, other)


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="ACTIVE"):
        CalibratedGate.load(tmp_path)
    with pytest.raises(FileFormatError, match="absent"):
        CalibratedGate.load(tmp_path / "absent")
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileFormatError):
        CalibratedGate.load(tmp_path / "file")
    assert CalibrationFolder(tmp_path / "absent").versions() == []


@pytest.mark.parametrize("version", ["", "..", "f00d", "0" * 64, "../" + "0" * 61])
def test_an_unknown_version_is_refused(folder: Path, version: str) -> None:
    with pytest.raises(InputError, match="a version of"):
        CalibratedGate.load(folder, version)


def test_a_predictor_of_foreign_types_is_refused_even_with_right_hashes(
    gate: CalibratedGate, tmp_path: Path
) -> None:
    content = dump_models({"model": Path("harmless"), "scale": None})
    files = {**gate.files, "predictor.skops": content}
    certificate = dataclasses.replace(
        gate.certificate, files={name: sha256_hex(data) for name, data in files.items()}
    )
    forged = CalibratedGate(certificate, gate.quality, gate.profile, files)
    with pytest.raises(TamperedError, match="Path"):
        forged.save(tmp_path / "calibration")


def test_patients_that_calibrated_once_are_refused(
    folder: Path, cohort: Cohort, cheap: dict
) -> None:
    again = QualityGate(tolerated_error=0.2).calibrate(cohort(200, empty=0.03), candidates=cheap)
    with pytest.raises(CalibrationError, match="100 of 100 that already calibrated"):
        again.save(folder)
    some = QualityGate().calibrate(cohort(100, 150), candidates=cheap)
    with pytest.raises(CalibrationError, match="already calibrated"):
        some.save(folder)
    assert len(CalibrationFolder(folder).versions()) == 1
    fresh = QualityGate().calibrate(cohort(60, 1000), candidates=cheap)
    fresh.save(folder)
    assert CalibrationFolder(folder).active == fresh.id


def test_saving_the_same_gate_again_is_no_reuse(gate: CalibratedGate, folder: Path) -> None:
    gate.save(folder, by="bob", reason="again")
    assert CalibrationFolder(folder).versions() == [gate.id]


def test_a_further_look_must_be_one_of_the_same_looks_and_count_all_their_patients(
    cohort: Cohort, cheap: dict, tmp_path: Path
) -> None:
    many = QualityGate(looks="many")
    first = many.calibrate(cohort(60), candidates=cheap)
    first.save(tmp_path / "one")

    def look(patients: slice, **lineage: object) -> CalibratedGate:
        gate = QualityGate(looks="many", tolerated_error=0.2).calibrate(
            cohort(60), candidates=cheap
        )
        old = gate.certificate.lineage
        new = {**old, "calibration_patients": old["calibration_patients"][patients], **lineage}
        return dataclasses.replace(
            gate, certificate=dataclasses.replace(gate.certificate, lineage=new)
        )

    every = slice(None)
    for refused in (
        look(every, look=1, first_look=first.id),
        look(every, look=2, first_look=None),
        look(every, look=2, first_look="0" * 64),
        look(slice(29), look=2, first_look=first.id),
    ):
        with pytest.raises(CalibrationError, match="already calibrated"):
            refused.save(tmp_path / "one")
    second = look(every, look=2, first_look=first.id)
    second.save(tmp_path / "one")
    assert CalibrationFolder(tmp_path / "one").active == second.id


def test_a_version_that_is_gone_is_noticed_though_another_is_in_force(
    gate: CalibratedGate, folder: Path, cohort: Cohort, cheap: dict
) -> None:
    QualityGate().calibrate(cohort(60, 1000), candidates=cheap).save(folder)
    shutil.rmtree(folder / gate.id)
    with pytest.raises(TamperedError, match="1 versions of the history are gone"):
        CalibrationFolder(folder).certificates()
    with pytest.raises(TamperedError, match=gate.id):
        gate.save(folder)


@pytest.mark.parametrize("moment", ["rename", "replace", "fsync"])
def test_a_crash_before_the_switch_leaves_the_old_version_in_force(
    gate: CalibratedGate,
    folder: Path,
    cohort: Cohort,
    cheap: dict,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    fresh = QualityGate().calibrate(cohort(60, 1000), candidates=cheap)

    def crash(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os if moment == "fsync" else Path, moment, crash)
        with pytest.raises(KeyboardInterrupt):
            fresh.save(folder, by="ann", reason="second")
    assert CalibratedGate.load(folder).id == gate.id
    assert len(CalibrationFolder(folder).history()) == 1
    fresh.save(folder, by="ann", reason="second")
    assert CalibratedGate.load(folder).id == fresh.id


def test_history_keeps_who_when_and_why(gate: CalibratedGate, folder: Path) -> None:
    gate.save(folder, by='B\nob "x"', reason="ünïcode\u2028, and\nlines", now=NOW)
    first, second = CalibrationFolder(folder).history()
    assert vars(first) == {
        "at": "2026-11-23T08:00:00+00:00",
        "action": "calibrate",
        "version": gate.id,
        "by": "ann",
        "reason": "first",
    }
    assert (second.by, second.reason) == ('B\nob "x"', "ünïcode\u2028, and\nlines")


def test_a_copied_folder_works_elsewhere(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    assert CalibratedGate.load(tmp_path / "copy").id == CalibratedGate.load(folder).id
