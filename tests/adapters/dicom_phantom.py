"""DICOM series made of numbers, so that a wrong axis, order or spacing shows."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import Segmentation, SegmentDescription
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def uid(*words: str) -> str:
    return str(generate_uid(entropy_srcs=["phantom", *words]))


@dataclass(frozen=True)
class Phantom:
    """An asymmetric volume, stored as (column, row, slice), and where it lies (LPS)."""

    columns: int = 5
    rows: int = 4
    slices: int = 6
    column_step: tuple[float, float, float] = (0.75, 0, 0)  # mm, to the next column
    row_step: tuple[float, float, float] = (0, 1.25, 0)
    slice_step: tuple[float, float, float] = (0, 0, 2.5)
    origin: tuple[float, float, float] = (-30.5, 12.25, 100.0)
    name: str = "s1"
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def stored(self) -> NDArray[np.int16]:
        shape = (self.columns, self.rows, self.slices)
        return np.arange(np.prod(shape), dtype=np.int16).reshape(shape)

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel to world, RAS."""
        affine = np.eye(4)
        affine[:3] = np.column_stack(
            [self.column_step, self.row_step, self.slice_step, self.origin]
        )
        return LPS_TO_RAS @ affine

    def __call__(self, **changes: Any) -> "Phantom":
        return replace(self, **changes)

    def place(self, at: int) -> list[float]:
        return [float(f"{v:.10g}") for v in np.add(self.origin, np.multiply(at, self.slice_step))]

    def header(self, kind: str, *instance: str) -> FileDataset:
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = kind
        meta.MediaStorageSOPInstanceUID = uid(self.name, *instance)
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
        dataset.update(
            {
                "SOPClassUID": kind,
                "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
                "StudyInstanceUID": uid(self.name, "study"),
                "SeriesInstanceUID": uid(self.name, "series"),
                "FrameOfReferenceUID": uid(self.name, "space"),
                "PatientID": "P-7",
                "PatientName": "Doe^Jane",
                "PatientBirthDate": "19700102",
                "PatientSex": "F",
                "StudyID": "1",
                "StudyDate": "20250304",
                "StudyTime": "101112",
                "AccessionNumber": "A9",
                "ReferringPhysicianName": "",
                "Modality": "CT",
                "SeriesNumber": 3,
                "InstanceNumber": 1,
                "Manufacturer": "none",
                "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
                "Rows": self.rows,
                "Columns": self.columns,
                "SamplesPerPixel": 1,
                "PhotometricInterpretation": "MONOCHROME2",
                "BitsAllocated": 16,
                "BitsStored": 16,
                "HighBit": 15,
                "PixelRepresentation": 1,
            }
        )
        return dataset

    @property
    def _orientation(self) -> list[float]:
        steps = (self.column_step, self.row_step)
        return [float(f"{v:.10g}") for way in steps for v in np.divide(way, np.linalg.norm(way))]

    @property
    def _pixel_spacing(self) -> list[float]:
        return [float(np.linalg.norm(way)) for way in (self.row_step, self.column_step)]

    def slice(self, at: int) -> FileDataset:
        dataset = self.header(CTImageStorage, str(at))
        dataset.update(
            {
                "InstanceNumber": 40 - at,  # numbers say nothing about places
                "ImagePositionPatient": self.place(at),
                "ImageOrientationPatient": self._orientation,
                "PixelSpacing": self._pixel_spacing,
                "SliceThickness": 9.0,  # nor does thickness about steps
                "RescaleSlope": 1,
                "RescaleIntercept": 0,
                **self.attributes,
            }
        )
        dataset.PixelData = np.ascontiguousarray(self.stored[:, :, at].T).tobytes()
        return dataset

    def write_slices(self, folder: Path, leave_out: tuple[int, ...] = ()) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for at in set(range(self.slices)) - set(leave_out):
            # file names in an order of their own
            self.slice(at).save_as(folder / f"{(at * 5) % 7}{at}.dcm", enforce_file_format=True)
        return folder

    def write_enhanced(self, path: Path) -> Path:
        dataset = self.header(EnhancedCTImageStorage, "enhanced")
        order = np.random.default_rng(0).permutation(self.slices)
        dataset.NumberOfFrames = self.slices
        shared, measures, plane = Dataset(), Dataset(), Dataset()
        measures.update({"PixelSpacing": self._pixel_spacing, "SliceThickness": 9.0})
        plane.ImageOrientationPatient = self._orientation
        shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
        dataset.SharedFunctionalGroupsSequence = [shared]
        dataset.PerFrameFunctionalGroupsSequence = [self._groups(int(at)) for at in order]
        planes = self.stored[:, :, order].transpose(2, 1, 0)
        dataset.PixelData = np.ascontiguousarray(planes).tobytes()
        dataset.save_as(path, enforce_file_format=True)
        return path

    def _groups(self, at: int) -> Dataset:
        groups, place, values = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = self.place(at)
        values.update({"RescaleSlope": 2, "RescaleIntercept": -at, "RescaleType": "HU"})
        groups.PlanePositionSequence, groups.PixelValueTransformationSequence = [place], [values]
        return groups

    def write_seg(self, path: Path, labels: NDArray[Any], kind: str = "BINARY") -> Path:
        """Write a label map, or a stack of regions, as another program does: slice by slice."""
        slices = [self.slice(at) for at in range(self.slices)]
        stack = labels.ndim == 4
        count = len(labels) if stack else int(labels.max())
        planes = labels.transpose(3, 2, 1, 0) if stack else labels.transpose(2, 1, 0)
        model = AlgorithmIdentificationSequence("m", codes.DCM.ArtificialIntelligence, "1")
        tissue = (codes.cid7150.Tissue, codes.cid7150.Tissue)
        Segmentation(
            slices,
            planes.astype(float if kind == "FRACTIONAL" else np.uint8),
            kind,
            [
                SegmentDescription(
                    number, f"part {number}", *tissue, "AUTOMATIC", algorithm_identification=model
                )
                for number in range(1, count + 1)
            ],
            uid(self.name, "seg series"),
            7,
            uid(self.name, "seg"),
            1,
            "none",
            "none",
            "1",
            "1",
        ).save_as(path, enforce_file_format=True)
        return path
