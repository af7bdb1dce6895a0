"""Cut the slice of a case that a report shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.case import Case
from segqc_conformal.errors import GeometryError
from segqc_conformal.geometry import Grid, check_same_grid
from segqc_conformal.reports.picture import Picture

__all__ = ["mid_slice", "slice_picture"]


def mid_slice(
    case: Case,
    mask: ArrayLike | None,
    uncertainty_map: ArrayLike | None = None,
    reference: ArrayLike | None = None,
) -> Picture:
    """Cut the slice of a case that shows most.

    Parameters
    ----------
    case : Case
        Its first channel is shown.
    mask : array_like of int, shape ``(*spatial)``, optional
        The judged label map. None: not shown.
    uncertainty_map : array_like of float, shape ``(*spatial)``, optional
        For example the predictive entropy. None: not shown.
    reference : array_like of int, shape ``(*spatial)``, optional
        None: `case.reference`, where there is one.

    Returns
    -------
    Picture
        Of a volume, the slice with most mask, or most uncertainty where the mask is empty, or the
        middle one where that is not given, across the axis of the largest voxel size (the last one
        where they are equal).

    Raises
    ------
    GeometryError
        If a shape differs from the case's, or the case has not 2 or 3 spatial axes.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> case = Case(np.zeros((4, 5, 6)), case_id="c", patient_id="p")
    >>> mask = np.zeros((4, 5, 6), int); mask[:, :, 2] = 1
    >>> mid_slice(case, mask, np.zeros((4, 5, 6))).mask.shape
    (5, 4)
    """
    shown = _on_grid(case, mask, uncertainty_map, reference)
    spacing = case.spacing
    if len(spacing) == 2:
        return _cut(case, shown, None, 0)
    axis = max(range(3), key=lambda place: (spacing[place], place))
    return _cut(case, shown, axis, _slice_with_most(shown, case.spatial_shape, axis))


def slice_picture(
    case: Case,
    axis: int | None,
    number: int,
    mask: ArrayLike | None = None,
    uncertainty_map: ArrayLike | None = None,
    regions: ArrayLike | None = None,
) -> Picture:
    """Cut a given slice of a volume.

    Parameters
    ----------
    case : Case
        Its first channel is shown.
    axis : int, optional
        Across the slices; None: an image of 2 axes, all of it.
    number : int
        Of the slice, from 0.
    mask, regions : array_like of int, shape ``(*spatial)``, optional
        The judged label map, and the label map of regions to look at. None: not shown.
    uncertainty_map : array_like of float, shape ``(*spatial)``, optional

    Returns
    -------
    Picture

    Raises
    ------
    GeometryError
        If a shape differs from the case's.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> case = Case(np.zeros((4, 5, 6)), case_id="c", patient_id="p")
    >>> slice_picture(case, 0, 3, np.ones((4, 5, 6), int)).mask.shape
    (6, 5)
    """
    shown = _on_grid(case, mask, uncertainty_map, case.reference, regions)
    return _cut(case, shown, axis, number)


def _on_grid(
    case: Case,
    mask: ArrayLike | None,
    uncertainty_map: ArrayLike | None,
    reference: ArrayLike | None,
    regions: ArrayLike | None = None,
) -> dict[str, NDArray[Any]]:
    reference = case.reference if reference is None else reference
    given = {
        "mask": mask,
        "uncertainty": uncertainty_map,
        "reference": reference,
        "regions": regions,
    }
    shown = {name: np.asarray(labels) for name, labels in given.items() if labels is not None}
    if len(case.spatial_shape) not in (2, 3):
        raise GeometryError(
            "an image of 2 or 3 spatial axes",
            f"shape {case.spatial_shape}",
            "show a part of it",
            case.case_id,
        )
    for name, labels in shown.items():
        check_same_grid(Grid(case.spatial_shape), Grid(labels.shape), f"a {name}", case.case_id)
    return shown


def _cut(case: Case, shown: Mapping[str, NDArray[Any]], axis: int | None, number: int) -> Picture:
    planes, spacing = {"image": case.channels_first()[0], **shown}, case.spacing
    if axis is not None:
        planes = {name: plane.take(number, axis) for name, plane in planes.items()}
        spacing = tuple(step for place, step in enumerate(spacing) if place != axis)
    turned = {name: np.rot90(plane) for name, plane in planes.items()}
    return Picture(
        turned["image"],
        turned.get("mask"),
        turned.get("uncertainty"),
        turned.get("reference"),
        pixel_mm=(spacing[1], spacing[0]),
        largest_uncertainty=float(shown["uncertainty"].max()) if "uncertainty" in shown else 1.0,
        regions=turned.get("regions"),
    )


def _slice_with_most(shown: Mapping[str, NDArray[Any]], shape: tuple[int, ...], axis: int) -> int:
    others = tuple(place for place in range(3) if place != axis)
    if "mask" in shown and (shown["mask"] > 0).any():
        return int((shown["mask"] > 0).sum(axis=others).argmax())
    if "uncertainty" in shown:
        return int(shown["uncertainty"].sum(axis=others).argmax())
    return shape[axis] // 2
