"""A case as a quality net sees it: image, judged mask, and what else is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.case import Case
from segqc_conformal.errors import GeometryError, InputError

__all__ = ["QualityCase"]


@dataclass(frozen=True, eq=False)
class QualityCase:
    """One case to train a quality net on, or to predict the quality of.

    Parameters
    ----------
    case_id, patient_id : str
        As in the feature table.
    image : array_like of float, shape ``(*spatial)`` or ``(channels, *spatial)``
        As in `Case`: with `spacing_mm`, one axis more than its length is the channels.
    mask : array_like of int, shape ``(*spatial)`` or ``(regions, *spatial)``, optional
        The judged mask. None for a net that sees and judges the image alone.
    maps : mapping of str to array, shape ``(*spatial)`` or ``(rows, *spatial)``
        Uncertainty maps by name.
    features : mapping of str to array, shape ``(channels, *spatial)``
        Activations of the segmentation model by name, on the image's grid (`hooked_features`).
    reference : array_like of int, shape as `mask`, optional
        The reference mask; None at prediction.
    spacing_mm : tuple of float, optional
        Voxel size; None: ones.
    grade : int, optional
        An expert's grade, 0 the worst, for a grade head.
    metrics : mapping of str to mapping of str to float
        Metric name -> structure -> value, for a case head on a metric other than Dice and IoU.
    corrupted : bool
        Whether image or mask was spoilt on purpose. Such cases may train; whatever calibrates or
        evaluates refuses them.

    Raises
    ------
    InputError, GeometryError
        As `Case`, and for maps or features that are not finite or not on the image's grid.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> QualityCase("c17", "p9", np.zeros((4, 5)), maps={"margin": np.ones((4, 5))}).spatial_shape
    (4, 5)
    """

    case_id: str
    patient_id: str
    image: NDArray[Any]
    mask: NDArray[Any] | None = None
    maps: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    features: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    reference: NDArray[Any] | None = None
    spacing_mm: tuple[float, ...] | None = None
    grade: int | None = None
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    corrupted: bool = False

    def __post_init__(self) -> None:
        """Check everything once, by the rules of `Case`."""
        case = Case(
            self.image,
            case_id=self.case_id,
            patient_id=self.patient_id,
            mask=self.mask,
            reference=self.reference,
            spacing_mm=self.spacing_mm,
        )
        object.__setattr__(self, "image", case.channels_first())
        object.__setattr__(self, "mask", case.mask)
        object.__setattr__(self, "reference", case.reference)
        object.__setattr__(self, "spacing_mm", case.spacing)
        if case.mask is not None and case.reference is not None:
            self._check_same_form(case.mask.shape, case.reference.shape)
        for name in ("maps", "features"):
            on_grid = {key: self._on_grid(key, value) for key, value in getattr(self, name).items()}
            object.__setattr__(self, name, on_grid)

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Shape of the image without its channels axis."""
        return tuple(self.image.shape[1:])

    @property
    def spacing(self) -> tuple[float, ...]:
        """Voxel size in mm along each spatial axis."""
        return self.spacing_mm or ()

    def _check_same_form(self, mask: tuple[int, ...], reference: tuple[int, ...]) -> None:
        if mask != reference:
            raise GeometryError(
                f"a reference mask of the mask's shape {mask}",
                reference,
                "give both as label maps, or both as stacks of regions",
                self.case_id,
            )

    def _on_grid(self, name: str, values: NDArray[Any]) -> NDArray[np.float32]:
        array = np.asarray(values, dtype=np.float32)
        spatial = self.spatial_shape
        if array.shape[-len(spatial) :] != spatial or array.ndim > len(spatial) + 1:
            raise GeometryError(
                f"{name} of shape {spatial} or (channels, *{spatial})",
                array.shape,
                "resample it to the image's grid",
                self.case_id,
            )
        if not np.isfinite(array).all():
            raise InputError(
                f"finite numbers in {name}",
                "NaN or infinity",
                "repair or exclude the case",
                self.case_id,
            )
        return array.reshape((-1, *spatial))
