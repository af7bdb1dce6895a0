"""A DICOM series as a volume: slices are ordered by place, never by name or number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels.processing import apply_modality_lut

from segqc_conformal.adapters.dicom_files import read_files
from segqc_conformal.adapters.dicom_frames import LPS_TO_RAS, TOLERANCE, Frame, frames_of
from segqc_conformal.errors import FileFormatError, GeometryError, InputError
from segqc_conformal.volume import Volume

__all__ = ["read_series"]

_ONE_PLACE_MM = 1e-3


def read_series(path: str | Path, case_id: str | None = None) -> Volume:
    """Read the folder of a series of single-frame slices, or an enhanced multi-frame file.

    Parameters
    ----------
    path : path
        Of a folder or of one file.
    case_id : str, optional
        Named in errors.

    Returns
    -------
    Volume
        ``array`` of float32, axes (column, row, slice), with rescale slope and intercept (or
        modality table) of each slice applied. Of MONOCHROME1 the stored values are mirrored, so
        that bright is large, as in MONOCHROME2.

    Raises
    ------
    FileFormatError
        If a file is missing, truncated, in colour, or cannot be decoded.
    InputError
        If the files belong to several series, or a MONOCHROME1 image has a rescale of its own.
    GeometryError
        If slices differ in size, spacing or orientation, lie in one place twice, are missing or
        unevenly spaced, or shift sideways (gantry tilt).

    Notes
    -----
    Guarantee: none. That the first and last slices are there cannot be seen.
    """
    files = read_files(path, case_id)
    first = next(iter(files.values()))
    if "SegmentSequence" in first or "PixelData" not in first:
        raise FileFormatError(
            f"an image series in {Path(path).name}",
            f"{first.get('Modality', 'no image')}",
            "give the folder of the image's slices; a DICOM SEG is a mask",
            case_id,
        )
    if Path(path).is_file() and "PerFrameFunctionalGroupsSequence" not in first:
        raise FileFormatError(
            f"an enhanced multi-frame image in {Path(path).name}",
            "a single slice",
            "put the slices of a series in a folder of their own and give the folder",
            case_id,
        )
    frames = [
        frame for file, dataset in files.items() for frame in frames_of(dataset, file.name, case_id)
    ]
    _check_alike(frames, case_id)
    normal = frames[0].normal
    frames.sort(key=lambda frame: float(frame.position @ normal))
    step = _step(frames, normal, case_id)
    affine = np.eye(4)
    affine[:3] = np.column_stack([*frames[0].steps, step, frames[0].position])
    planes = [_values(frame, first, case_id) for frame in frames]
    spacing = tuple(float(np.linalg.norm(way)) for way in (*frames[0].steps, step))
    space = str(first.get("FrameOfReferenceUID", "")) or None
    return Volume(np.stack(planes, axis=-1), LPS_TO_RAS @ affine, spacing, space)


def _check_alike(frames: Sequence[Frame], case_id: str | None) -> None:
    one = frames[0]
    size = one.pixels.shape
    for other in frames[1:]:
        if other.pixels.shape != size:
            odd = "size"
        elif np.abs(other.steps - one.steps).max() * max(size) > TOLERANCE * _across(one):
            odd = "orientation or pixel spacing"  # by what it moves the far corner
        else:
            continue
        raise GeometryError(
            f"slices of one {odd}",
            f"{other.name} unlike {one.name}",
            "move localizers and other volumes to folders of their own",
            case_id,
        )


def _across(frame: Frame) -> float:
    return float(np.linalg.norm(frame.steps, axis=1).min())


def _step(
    frames: Sequence[Frame], normal: NDArray[np.float64], case_id: str | None
) -> NDArray[np.float64]:
    """Return the way from one slice to the next, in mm, LPS; refuse slices that make no grid."""
    if len(frames) == 1:
        header = frames[0].header
        return normal * float(header.get("SpacingBetweenSlices") or _thickness(frames[0], case_id))
    places = np.array([frame.position for frame in frames])
    _check_gaps(frames, places @ normal, case_id)
    step = (places[-1] - places[0]) / (len(places) - 1)
    sideways = np.linalg.norm(step - normal * (step @ normal))
    if sideways > TOLERANCE * np.linalg.norm(step):
        raise GeometryError(
            "slices straight above each other",
            f"slices that shift sideways, by {sideways:.4g} mm each",
            "resample the series: the gantry was tilted",
            case_id,
        )
    line = places[0] + step * np.arange(len(places))[:, None]
    off = np.linalg.norm(places - line, axis=1)
    if off.max() > TOLERANCE * np.linalg.norm(step):
        raise GeometryError(
            "slices on a straight line at even steps",
            f"{frames[int(off.argmax())].name} off by {off.max():.4g} mm",
            "resample the series to even steps",
            case_id,
        )
    return np.asarray(step)


def _check_gaps(frames: Sequence[Frame], heights: NDArray[np.float64], case_id: str | None) -> None:
    gaps = np.diff(heights)
    if gaps.min() <= _ONE_PLACE_MM:
        raise GeometryError(
            "one slice in each place",
            f"one place for {_pair(frames, heights, int(gaps.argmin()))}",
            "give one volume (time point, echo, direction) alone",
            case_id,
        )
    usual = float(np.quantile(gaps, 0.5, method="lower"))
    uneven = np.flatnonzero(np.abs(gaps - usual) > TOLERANCE * usual)
    if not len(uneven):
        return
    at = int(uneven[0])
    times = gaps[at] / usual
    missing = round(times) - 1
    whole = missing >= 1 and abs(times - round(times)) < 0.1
    raise GeometryError(
        f"a slice every {usual:.4g} mm",
        f"{f'{missing} missing' if whole else f'{gaps[at]:.4g} mm'} between "
        f"{_pair(frames, heights, at)}",
        "export the whole series again" if whole else "resample the series to even steps",
        case_id,
    )


def _pair(frames: Sequence[Frame], heights: NDArray[np.float64], at: int) -> str:
    one, other = (f"{frames[k].name} (at {heights[k]:.2f} mm)" for k in (at, at + 1))
    return f"{one} and {other}"


def _thickness(frame: Frame, case_id: str | None) -> float:
    if not frame.header.get("SliceThickness"):
        raise GeometryError(
            "SliceThickness, where there is a single slice", "none", "write it", case_id
        )
    return float(frame.header.SliceThickness)


def _values(frame: Frame, image: Dataset, case_id: str | None) -> NDArray[np.float32]:
    """Return the plane as (column, row), in the units of the rescale."""
    pixels, header = frame.pixels, frame.header
    if image.get("PhotometricInterpretation") == "MONOCHROME1":
        slope, intercept = header.get("RescaleSlope", 1), header.get("RescaleIntercept", 0)
        if (slope, intercept) != (1, 0) or "ModalityLUTSequence" in header:
            raise InputError(
                "MONOCHROME2, where values have a rescale",
                f"MONOCHROME1 with slope {slope} and intercept {intercept} in {frame.name}",
                "convert the series: which end is bright cannot be told",
                case_id,
            )
        signed = image.PixelRepresentation == 1
        pixels = (-1 if signed else 2**image.BitsStored - 1) - pixels.astype(np.int64)
    values = np.asarray(apply_modality_lut(pixels, header), dtype=np.float32)
    return values.T
