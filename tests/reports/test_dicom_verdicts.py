import sys
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.errors import FileFormatError
from segqc_conformal.reports.dicom_verdicts import write_dicom_verdicts

sys.path.insert(0, str(Path(__file__).parents[1] / "adapters"))
from dicom_phantom import Phantom

PHANTOM = Phantom()


@pytest.fixture
def verdicts(gate, cohort):
    return gate.judge(cohort(1))


@pytest.fixture
def write(tmp_path, gate, verdicts):
    PHANTOM.write_slices(tmp_path / "images" / "c0000")
    (tmp_path / "maps").mkdir()

    def write(maps=tmp_path / "maps"):
        out = tmp_path / "out"
        failed = write_dicom_verdicts(
            verdicts, gate.certificate, tmp_path / "images", out, maps=maps
        )
        return failed, sorted(path.name for path in out.glob("*"))

    return write


def entropy(folder: Path, name: str, *voxels: tuple[int, int, int], affine=PHANTOM.affine) -> None:
    values = np.full((5, 4, 6), 0.36, np.float32)
    for voxel in voxels:
        values[voxel] = 0.37
    (folder / "c0000").mkdir(exist_ok=True)
    write_volume(folder / "c0000" / f"{name}.nii.gz", values, affine)


def test_overlapping_structures_have_a_segment_each(tmp_path, write):
    entropy(tmp_path / "maps", "predictive_entropy_core", (1, 2, 3), (1, 2, 4))
    entropy(tmp_path / "maps", "predictive_entropy_rim", (1, 2, 3))
    assert write() == ({}, ["c0000.segqc.seg.dcm", "c0000.segqc.sr.dcm"])
    seg = dcmread(tmp_path / "out" / "c0000.segqc.seg.dcm")
    named = [segment.SegmentLabel for segment in seg.SegmentSequence]
    assert named == [f"predictive entropy above 0.36 nats {part}" for part in ("core", "rim")]
    assert seg.pixel_array.sum() == 3


def test_a_seg_that_no_longer_holds_is_taken_away(tmp_path, write):
    entropy(tmp_path / "maps", "predictive_entropy", (1, 2, 3))
    assert len(write()[1]) == 2
    entropy(tmp_path / "maps", "predictive_entropy")
    assert write() == ({}, ["c0000.segqc.sr.dcm"])
    (tmp_path / "maps" / "c0000" / "predictive_entropy.nii.gz").unlink()
    assert write() == ({}, ["c0000.segqc.sr.dcm"])


def test_a_case_that_cannot_be_written_is_named(tmp_path, write):
    shifted = PHANTOM.affine + np.eye(4)[:, ::-1]
    entropy(tmp_path / "maps", "predictive_entropy", (1, 2, 3), affine=shifted)
    failed, names = write()
    assert names == []
    assert failed["c0000"].startswith("case c0000: expected a map with the image's affine")
    (tmp_path / "images" / "c0000" / "00.dcm").write_bytes(b"no slice")
    failed, _ = write(maps=None)
    assert failed["c0000"].startswith("case c0000: expected a readable DICOM file in 00.dcm")
    with pytest.raises(FileFormatError, match="an existing folder of maps"):
        write(maps=tmp_path / "nowhere")
