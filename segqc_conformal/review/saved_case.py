"""A case as its saved maps show it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from segqc_conformal.case import in_structure
from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.geometry import Grid, check_same_grid, close, default_affine
from segqc_conformal.uncertainty.bit_planes import BitPlanes
from segqc_conformal.uncertainty.judged_structure import JudgedStructure
from segqc_conformal.volume import Volume

__all__ = ["read_judged_structures"]


def read_judged_structures(
    folder: str | Path,
    structures: Mapping[str, int],
    *,
    case_id: str,
    mask: NDArray[Any] | None = None,
    maps: Iterable[str] = (),
    image: Grid | None = None,
) -> list[JudgedStructure]:
    """Read the structures of a case from the files that `save_maps` wrote.

    Parameters
    ----------
    folder : path
        With ``mean_probability_<structure>.nii.gz``, and ``mask.nii.gz`` (of overlapping regions
        ``mask_<structure>.nii.gz``) where no `mask` is given.
    structures : mapping of str to int
        Structure name -> label.
    case_id : str
        Named in errors.
    mask : ndarray of int, shape ``(*spatial)`` or ``(regions, *spatial)``, optional
        The judged mask. None: the one that was saved beside the maps.
    maps : iterable of str
        Further maps to read, ``<map>.nii.gz`` or ``<map>_<structure>.nii.gz``.
    image : Grid, optional
        Where the image lies. None: where the maps lie.

    Returns
    -------
    list of JudgedStructure
        With probability and judged mask; the masks of the samples are not saved, so what is made
        of them (pairwise Dice) cannot be had.

    Raises
    ------
    FileFormatError
        If a file is missing or cannot be read.
    GeometryError
        If a map lies on another grid, or a map or mask has another shape.
    InputError
        If a map holds NaN or infinity.

    Notes
    -----
    Guarantee: none. Of maps that were saved without the image's affine, shape and spacing alone say
    whether they are of this image.

    Examples
    --------
    >>> import tempfile
    >>> from segqc_conformal.features.saved_maps import save_maps
    >>> from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator
    >>> uncertainty, folder = UncertaintyAccumulator({"lesion": 1}), tempfile.mkdtemp()
    >>> uncertainty.update(np.full((1, 4, 5, 6), 0.75))
    >>> _ = save_maps(uncertainty, folder)
    >>> read_judged_structures(folder, {"lesion": 1}, case_id="c")[0].size
    120.0
    """
    folder, names = Path(folder), list(maps)
    return [
        _structure(folder, name, label, mask, names, image, case_id)
        for name, label in structures.items()
    ]


def _structure(
    folder: Path,
    name: str,
    label: int,
    mask: NDArray[Any] | None,
    maps: list[str],
    image: Grid | None,
    case_id: str,
) -> JudgedStructure:
    from segqc_conformal.adapters.nifti import read_volume

    path = folder / f"mean_probability_{name}.nii.gz"
    volume = read_volume(path, case_id)
    p = _map_values(path, volume, volume.array.shape if image is None else image.shape, case_id)
    if image is not None:
        spacing = volume.spacing_mm[: p.ndim]
        check_same_grid(image, Grid(p.shape, _known_affine(volume), spacing), "a map", case_id)
    if mask is not None:
        judged = in_structure(mask, label, p.ndim)
    else:
        own = folder / f"mask_{name}.nii.gz"
        saved = read_volume(own if own.exists() else folder / "mask.nii.gz", case_id).array
        judged = saved > 0 if own.exists() else saved == label
    judged = _on_grid(judged, p.shape, case_id)
    held = {}
    for each in maps:
        own = folder / f"{each}_{name}.nii.gz"
        file = own if own.exists() else folder / f"{each}.nii.gz"
        values = _map_values(file, read_volume(file, case_id), p.shape, case_id)
        held[each] = torch.from_numpy(values.ravel())
    there = torch.from_numpy(np.ascontiguousarray(judged))
    probability = torch.from_numpy(p.ravel())
    spacing = volume.spacing_mm[: p.ndim]
    return JudgedStructure(name, probability, 2, held, BitPlanes(), there, there.long(), spacing)


def _map_values(
    path: Path, volume: Volume, shape: tuple[int, ...], case_id: str
) -> NDArray[np.float32]:
    values = _on_grid(volume.array, shape, case_id).astype(np.float32)
    if not np.isfinite(values).all():
        raise InputError(
            f"finite numbers in {path.name}", "NaN or infinity", "save the maps again", case_id
        )
    return values


def _known_affine(volume: Volume) -> NDArray[np.float64] | None:
    """Return the affine, unless it is the one that is written where none is given."""
    return None if close(volume.affine, default_affine(volume.spacing_mm)) else volume.affine


def _on_grid(values: NDArray[Any], shape: tuple[int, ...], case_id: str) -> NDArray[Any]:
    if values.shape == (*shape, 1):  # a flat image is saved with a third axis
        values = values[..., 0]
    if values.shape != shape:
        raise GeometryError(
            f"maps and masks of shape {shape}",
            values.shape,
            "give the maps that were saved of this image",
            case_id,
        )
    return values
