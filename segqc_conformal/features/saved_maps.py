"""Uncertainty maps as NIfTI files that lie over the image in a viewer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import GeometryError
from segqc_conformal.geometry import default_affine
from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator

__all__ = ["save_maps"]


def save_maps(
    uncertainty: UncertaintyAccumulator,
    folder: str | Path,
    affine: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    names: Iterable[str] | None = None,
) -> list[Path]:
    """Write each uncertainty map, and the judged mask, as one NIfTI file on the image's grid.

    Parameters
    ----------
    uncertainty : UncertaintyAccumulator
        After its last sample; a grid of 2 or 3 axes.
    folder : path
        Made if absent; files of the same name are replaced.
    affine : array_like, shape (4, 4), optional
        Voxel-to-world matrix of the image, mm. None: the spacing alone.
    mask : array_like of int, shape ``(*spatial)`` or ``(regions, *spatial)``, optional
        The judged mask. None: the fused mask.
    names : iterable of str, optional
        Which maps. None: all that are held.

    Returns
    -------
    list of path
        ``mask.nii.gz`` and ``<map>.nii.gz``, or ``<map>_<structure>.nii.gz`` where a map has a
        channel for each structure. Maps are float32 with the range of their colours in the header,
        masks are labels: both open as overlays in 3D Slicer and ITK-SNAP.

    Raises
    ------
    GeometryError
        If the grid has not 2 or 3 axes, or mask or affine have another shape.
    InputError
        If a named map is not held.

    Notes
    -----
    Guarantee: none; maps show where to look.

    Examples
    --------
    >>> import tempfile
    >>> uncertainty = UncertaintyAccumulator({"lesion": 1}, (1.0, 1.0, 3.0))
    >>> uncertainty.update(np.full((1, 4, 5, 6), 0.25))
    >>> paths = save_maps(uncertainty, tempfile.mkdtemp(), names=["predictive_entropy"])
    >>> [path.name for path in paths]
    ['mask.nii.gz', 'predictive_entropy.nii.gz']
    """
    from segqc_conformal.adapters.nifti import write_volume

    axes = len(uncertainty.spatial_shape)
    if axes not in (2, 3):
        raise GeometryError("a grid of 2 or 3 axes", f"{axes} axes", "save the maps as .npy files")
    judged = _checked_mask(uncertainty, mask)
    matrix = _matrix(uncertainty.spacing_mm, affine)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    named = [("mask", judged), *uncertainty.maps(names).items()]
    for name, values in named:
        for suffix, channel in _channels(uncertainty, values, axes):
            path = folder / f"{name}{suffix}.nii.gz"
            write_volume(path, channel[..., None] if axes == 2 else channel, matrix)
            written.append(path)
    return written


def _checked_mask(uncertainty: UncertaintyAccumulator, mask: ArrayLike | None) -> NDArray[Any]:
    fused = uncertainty.fused_mask()
    judged = fused if mask is None else np.asarray(mask)
    if judged.shape != fused.shape:
        raise GeometryError(
            f"a mask of the fused mask's shape {fused.shape}",
            judged.shape,
            "give the mask that was judged",
        )
    return judged


def _matrix(spacing_mm: tuple[float, ...], affine: ArrayLike | None) -> NDArray[np.float64]:
    if affine is not None:
        matrix = np.asarray(affine, dtype=np.float64)
        if matrix.shape != (4, 4):
            raise GeometryError("an affine of shape (4, 4)", matrix.shape, "give that of the image")
        return matrix
    return default_affine(spacing_mm)


def _channels(
    uncertainty: UncertaintyAccumulator, values: NDArray[Any], axes: int
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Split a stack into one volume for each structure, by name."""
    if values.ndim == axes:
        yield "", values
        return
    for place, (structure, label) in enumerate(uncertainty.structures.items()):
        if uncertainty.channels == "overlapping":
            yield f"_{structure}", values[label - 1]
        else:  # one channel for each class, or one for each structure
            per_class = len(values) == uncertainty.class_count
            yield f"_{structure}", values[label if per_class else place]
