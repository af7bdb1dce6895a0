"""A DICOM SEG as a mask on the grid of an image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.adapters.dicom_files import read_files
from segqc_conformal.adapters.dicom_frames import LPS_TO_RAS, TOLERANCE, Frame, frames_of
from segqc_conformal.errors import FileFormatError, GeometryError
from segqc_conformal.volume import Volume

__all__ = ["read_segmentation"]


def read_segmentation(
    path: str | Path, image: Volume, name: str = "mask", case_id: str | None = None
) -> NDArray[Any]:
    """Read a DICOM SEG that lies on the grid of an image.

    Parameters
    ----------
    path : path
        Of the file, or of the folder that holds it alone.
    image : Volume
        From DICOM or NIfTI; slices the SEG leaves out are empty.
    name : str
        What the mask is, in errors.
    case_id : str, optional
        Named in errors.

    Returns
    -------
    ndarray of int, shape ``(x, y, z)`` or ``(regions, x, y, z)``
        The segment number of each voxel; where segments overlap a stack of 0 and 1, in which
        segment k is region k - 1.

    Raises
    ------
    FileFormatError
        If it cannot be read, is no SEG, or a SEG of fractions.
    GeometryError
        If a frame is no slice of the image's grid, or the SEG names another frame of reference.

    Notes
    -----
    Guarantee: none.
    """
    files = read_files(path, case_id)
    file, dataset = next(iter(files.items()))
    kind = dataset.get("SegmentationType", dataset.get("Modality", "no segmentation"))
    if len(files) > 1 or kind not in ("BINARY", "LABELMAP"):
        raise FileFormatError(
            f"one DICOM SEG of type BINARY or LABELMAP as {name} in {Path(path).name}",
            f"{len(files)} files, the first {kind}",
            "save each mask as one SEG, thresholded",
            case_id,
        )
    space = str(dataset.get("FrameOfReferenceUID", "")) or None
    if None not in (space, image.frame_of_reference) and space != image.frame_of_reference:
        raise GeometryError(
            f"a {name} in the image's frame of reference {image.frame_of_reference}",
            space,
            "give the SEG of this series, or resample it after registration",
            case_id,
        )
    shape = image.array.shape[:3]
    labels = np.zeros(shape, dtype=np.int32)
    planes = []
    for frame in frames_of(dataset, file.name, case_id):
        number = 1 if kind == "LABELMAP" else int(frame.header.ReferencedSegmentNumber)
        planes.append(
            (_slice_of(frame, image, name, case_id), frame.pixels.T.astype(np.int32) * number)
        )
    for at, plane in planes:
        held = labels[..., at]
        if ((held != 0) & (plane != 0) & (held != plane)).any():
            return _stack(planes, shape)
        np.maximum(held, plane, out=held)
    return labels


def _stack(planes: Sequence[tuple[int, NDArray[Any]]], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    regions = np.zeros((max(int(plane.max()) for _, plane in planes), *shape), dtype=np.uint8)
    for at, plane in planes:
        for number in np.unique(plane[plane != 0]):
            regions[number - 1, ..., at] |= plane == number
    return regions


def _slice_of(frame: Frame, image: Volume, name: str, case_id: str | None) -> int:
    """Return which slice of the image's grid a frame is."""
    columns, rows, slices = image.array.shape[:3]
    world_to_voxel = np.linalg.inv(image.affine)
    corners = frame.position + np.array([[0, 0], [columns - 1, 0], [0, rows - 1]]) @ frame.steps
    found = (np.c_[corners, np.ones(3)] @ LPS_TO_RAS @ world_to_voxel.T)[:, :3]
    at = round(float(found[0, 2]))
    expected = np.array([[0, 0, at], [columns - 1, 0, at], [0, rows - 1, at]])
    # a frame lies where its slice does, which may itself be off the even grid by the tolerance
    off = np.abs(found - expected).max()
    if frame.pixels.shape != (rows, columns) or not off <= 2 * TOLERANCE or not 0 <= at < slices:
        raise GeometryError(
            f"a {name} of slices of the image, {columns} columns x {rows} rows",
            f"{frame.name} of {frame.pixels.shape[1]} x {frame.pixels.shape[0]} with its first "
            f"voxel at {np.round(found[0], 2).tolist()}, its last column at "
            f"{np.round(found[1], 2).tolist()} of the image's grid",
            "give the SEG of this series, or resample it to the image's grid",
            case_id,
        )
    return at
