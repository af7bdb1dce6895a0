"""A case: one image to segment, with what is known about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.geometry import Grid, check_same_grid
from segqc_conformal.whole_case import is_single

__all__ = ["Case", "check_structures", "in_structure"]


def check_structures(structures: Mapping[str, int]) -> dict[str, int]:
    """Check a mapping from structure name to label, once, at the border.

    Examples
    --------
    >>> check_structures({"anterior": 1, "posterior": 2})
    {'anterior': 1, 'posterior': 2}
    """
    labels = list(structures.values())
    whole = all(isinstance(label, int) and label >= 1 for label in labels)
    distinct, single = len(set(labels)) == len(labels), all(map(is_single, structures))
    if not (labels and whole and distinct and single):
        raise InputError(
            "structures as {name: label}, labels distinct integers >= 1, none named "
            "'whole_case' or 'subset:...'",
            dict(structures),
            "name each foreground class once, for example {'anterior': 1, 'posterior': 2}",
        )
    return dict(structures)


def in_structure(mask: NDArray[Any], label: int, spatial_axes: int) -> NDArray[np.bool_]:
    """Return which voxels of a mask belong to a structure.

    Parameters
    ----------
    mask : ndarray of int, shape ``(*spatial)`` or ``(regions, *spatial)``
        A label map, or a stack of 0 and 1 in which label k is region k - 1.
    label : int
    spatial_axes : int

    Examples
    --------
    >>> in_structure(np.array([0, 2, 1]), 2, 1).tolist()
    [False, True, False]
    >>> in_structure(np.array([[0, 1, 1], [0, 1, 0]]), 2, 1).tolist()
    [False, True, False]
    """
    if mask.ndim == spatial_axes:
        return np.asarray(mask == label)
    if label > len(mask):
        raise GeometryError(
            f"a stack of at least {label} regions", f"{len(mask)}", "add the missing regions"
        )
    return np.asarray(mask[label - 1] != 0)


@dataclass(frozen=True, eq=False)
class Case:
    """One image to segment; it belongs to a patient and a site.

    Parameters
    ----------
    image : array_like of float, shape ``(*spatial)`` or ``(channels, *spatial)``
        With `spacing_mm` given, its length is the number of spatial axes, and one leading axis
        more is the channels. Without it every axis is spatial: nothing is guessed.
    case_id, patient_id : str
        Identifiers, stored as given ("0012" stays "0012").
    site : str
        Scanner, hospital or group whose cases resemble each other.
    mask : array_like of int, shape ``(*spatial)`` or ``(regions, *spatial)``, optional
        The deployed mask: a label map, or a stack of 0 and 1 for overlapping regions (label k is
        region k - 1). None: the fused mask is judged.
    reference : array_like of int, shape as `mask`, optional
        The reference mask, where an expert drew one.
    spacing_mm : tuple of float, optional
        Voxel size in mm along each spatial axis, > 0. None: unit spacing.
    time : datetime, optional
        When the image was acquired; it decides which case of a patient comes first.
    affine : array_like, shape (4, 4), optional
        Voxel-to-world matrix, kept for saving masks and maps.
    region_map : array_like of int, shape ``(*spatial)``, optional
        Regions for features of a schema with `regions`.
    element_weights : array_like of float, shape ``(elements,)``, optional
        For meshes and CAD faces: the weight (area) of each element, > 0. The image is then
        ``(elements,)`` or ``(channels, elements)``.
    corrupted : bool
        Whether `mask` was corrupted on purpose (`segqc_conformal.corruption`). The mark goes into
        the feature table, and whatever calibrates refuses it.

    Raises
    ------
    InputError
        For ids that are not non-empty strings, a spacing that is not positive, an image with NaN
        or infinite voxels, or a corrupted case without a mask.
    GeometryError
        If the shapes of image, mask, reference mask and spacing disagree.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> case = Case(np.zeros((4, 5, 6)), case_id="c17", patient_id="p9", site="A")
    >>> case.spatial_shape, case.channels_first().shape
    ((4, 5, 6), (1, 4, 5, 6))
    """

    image: NDArray[Any]
    case_id: str
    patient_id: str
    site: str = "unknown"
    mask: NDArray[Any] | None = None
    reference: NDArray[Any] | None = None
    spacing_mm: tuple[float, ...] | None = None
    time: datetime | None = None
    affine: NDArray[Any] | None = None
    region_map: NDArray[Any] | None = None
    element_weights: NDArray[Any] | None = None
    corrupted: bool = False

    def __post_init__(self) -> None:
        """Check everything once; inside the package a case is trusted."""
        for name in ("case_id", "patient_id", "site"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                raise InputError(f"a non-empty string as {name}", repr(value), f"give {name}")
        if self.corrupted and self.mask is None:
            raise InputError("the corrupted mask", "none", "give mask", self.case_id)
        image = np.asarray(self.image)
        object.__setattr__(self, "image", image)
        if image.dtype.kind not in "fiub" or not np.isfinite(image).all():
            raise InputError(
                "an image of finite numbers",
                f"dtype {image.dtype} with NaN, infinity or non-numbers",
                "repair or exclude the image",
                self.case_id,
            )
        if self.element_weights is not None:
            weights = np.asarray(self.element_weights, dtype=np.float64)
            object.__setattr__(self, "element_weights", weights)
            object.__setattr__(self, "spacing_mm", self.spacing_mm or (1.0,))
        if self.spacing_mm is not None:
            self._check_spacing(image.ndim)
        self._check_element_weights()
        for name in ("mask", "reference", "region_map"):
            labels = getattr(self, name)
            if labels is not None:
                object.__setattr__(self, name, self._checked_labels(name, np.asarray(labels)))

    def _check_spacing(self, ndim: int) -> None:
        spacing = tuple(float(step) for step in self.spacing_mm or ())
        if not spacing or not all(0 < step < np.inf for step in spacing):
            raise InputError(
                "spacing_mm of positive numbers",
                self.spacing_mm,
                "read it from the image header",
                self.case_id,
            )
        if ndim - len(spacing) not in (0, 1):
            raise GeometryError(
                f"an image with {len(spacing)} or {len(spacing) + 1} axes (spacing {spacing})",
                f"{ndim} axes",
                "give one spacing per spatial axis",
                self.case_id,
            )
        object.__setattr__(self, "spacing_mm", spacing)

    def _check_element_weights(self) -> None:
        weights = self.element_weights
        if weights is None:
            return
        good = weights.shape == self.spatial_shape and (np.isfinite(weights) & (weights > 0)).all()
        if not good or self.spacing_mm != (1.0,):
            raise InputError(
                f"element_weights > 0 of shape {self.spatial_shape}, and no spacing_mm",
                f"shape {weights.shape}, values from {weights.min(initial=np.inf):.6g}, spacing "
                f"{self.spacing_mm}",
                "give the area of each element; it takes the place of the spacing",
                self.case_id,
            )

    def _checked_labels(self, name: str, labels: NDArray[Any]) -> NDArray[np.int64]:
        stack = labels.ndim > 1 and labels.shape[1:] == self.spatial_shape and name != "region_map"
        if labels.shape != self.spatial_shape and not stack:
            check_same_grid(
                Grid(self.spatial_shape),
                Grid(labels.shape),
                f"a {name}",
                self.case_id,
                or_else="give spacing_mm if the first axis of the image is channels",
            )
        whole = labels.astype(np.int64)
        if not np.array_equal(whole, labels):
            raise InputError(
                f"a {name} of whole labels",
                f"dtype {labels.dtype} with fractions or NaN",
                "save label maps, not probabilities",
                self.case_id,
            )
        if stack and not np.isin(whole, (0, 1)).all():
            raise InputError(
                f"a {name} of overlapping regions as a stack of 0 and 1",
                f"labels {np.unique(whole)[:5].tolist()}",
                "give one label map (*spatial), or one channel of 0 and 1 for each region",
                self.case_id,
            )
        return whole

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Shape of the image without its channels axis."""
        ndim = len(self.spacing_mm) if self.spacing_mm is not None else self.image.ndim
        return tuple(self.image.shape[-ndim:])

    @property
    def spacing(self) -> tuple[float, ...]:
        """Voxel size in mm along each spatial axis; ones where it was not given."""
        return self.spacing_mm or (1.0,) * len(self.spatial_shape)

    def channels_first(self) -> NDArray[Any]:
        """Return the image as ``(channels, *spatial)``."""
        return self.image.reshape((-1, *self.spatial_shape))
