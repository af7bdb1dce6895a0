"""Regions to look at as a DICOM SEG that lies over the images in a viewer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
from highdicom.seg import Segmentation, SegmentDescription
from numpy.typing import NDArray
from pydicom.sr.codedict import codes

from segqc_conformal.adapters.dicom_codes import (
    NAME,
    VERSION,
    equipment,
    private_code,
    source_headers,
    stable_uid,
    write_once,
)
from segqc_conformal.adapters.dicom_frames import LPS_TO_RAS
from segqc_conformal.canonical_json import canonical_json, sha256_hex
from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.volume import Volume

__all__ = ["write_regions"]


def write_regions(
    path: str | Path,
    regions: Mapping[str, NDArray[Any]],
    series: str | Path,
    image: Volume,
    *,
    case_id: str | None = None,
    now: datetime | None = None,
) -> Path:
    """Write regions as the segments of a DICOM SEG on the grid of a series.

    Parameters
    ----------
    path : path
        Folders above it are made.
    regions : mapping of str to ndarray of bool, shape ``(x, y, z)``
        Name of each segment -> where it is, on the grid of the series; they may overlap. Of a label
        map: ``{"edge": labels == 1}``.
    series : path
        The DICOM series: patient, study, frame of reference and referenced images are taken from
        it.
    image : Volume
        The series, as `read_series` returns it.
    case_id : str, optional
        Named in errors.
    now : datetime, optional
        The date and time of the content.

    Returns
    -------
    Path

    Raises
    ------
    GeometryError
        If the shape of a region is not that of the series.
    InputError
        If all regions are empty, or the series has no frame of reference: a SEG cannot say that.
    FileFormatError
        If the series cannot be read.

    Notes
    -----
    Segments are numbered 1, 2, ... in the order of `regions`. The UIDs are functions of series,
    regions and names: writing the same again leaves the file as it is.
    Guarantee: none; regions show where to look.
    """
    for name, where in regions.items():
        if where.shape != image.array.shape:
            raise GeometryError(
                f"a region {name!r} of the series' shape {image.array.shape}",
                where.shape,
                "resample it to the series' grid",
                case_id,
            )
    segments = np.stack([where != 0 for where in regions.values()], axis=-1)
    if not segments.any():
        raise InputError("a region with a voxel", "none", "write no SEG", case_id)
    if image.frame_of_reference is None:
        raise InputError("FrameOfReferenceUID in the series", "none", "write no SEG", case_id)
    headers = source_headers(series, case_id)
    said = canonical_json(list(regions)) + sha256_hex(np.packbits(segments).tobytes())
    words = ("regions", str(headers[0].SeriesInstanceUID))
    uid = stable_uid(*words, VERSION, said)
    affine = LPS_TO_RAS @ image.affine

    def make() -> Segmentation:
        made = Segmentation(
            headers,
            highdicom.Volume(
                segments.transpose(2, 1, 0, 3).astype(np.uint8),
                affine[:, [2, 1, 0, 3]],
                coordinate_system="PATIENT",
                frame_of_reference_uid=image.frame_of_reference,
                channels={"SegmentNumber": list(range(1, len(regions) + 1))},
            ),
            segmentation_type="BINARY",
            segment_descriptions=[
                _description(number, name, stable_uid(*words, name))
                for number, name in enumerate(regions, start=1)
            ],
            series_instance_uid=stable_uid(*words),
            series_number=9001,
            sop_instance_uid=uid,
            instance_number=1,
            content_label="REGIONS",
            content_description="Regions to look at",
            series_description="Regions to look at",
            **equipment(now or datetime.now()),
        )
        for item in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
            item.DimensionOrganizationUID = stable_uid(*words, "dimensions")  # was a random one
        return made

    write_once(Path(path), uid, make)
    return Path(path)


def _description(number: int, name: str, uid: str) -> SegmentDescription:
    return SegmentDescription(
        number,
        name[:64],
        segmented_property_category=codes.cid7150.SpatialAndRelationalConcept,
        segmented_property_type=private_code("region"),
        algorithm_type="AUTOMATIC",
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            NAME, family=codes.DCM.ArtificialIntelligence, version=VERSION
        ),
        tracking_uid=uid,
        tracking_id=name[:64],
    )
