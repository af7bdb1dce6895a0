"""A mid-slice picture of a case: image, masks in outline, and uncertainty as heat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.case import Case
from segqc_conformal.errors import GeometryError
from segqc_conformal.geometry import Grid, check_same_grid
from segqc_conformal.reports.png import png_bytes

__all__ = ["Picture", "mid_slice"]

PANEL = 300  # pixels of the longer side of a panel, at least
GAP = 8
MASK_COLOUR = (255, 196, 0)
REFERENCE_COLOUR = (64, 224, 255)
# dark violet over red to pale yellow; brightness rises all the way, so it survives grey printing
HEAT = np.array([(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)], float)


@dataclass(frozen=True, eq=False)
class Picture:
    """One slice of a case, as it is shown in a report.

    Parameters
    ----------
    image : ndarray of float, shape (rows, columns)
    mask : ndarray of int, shape (rows, columns), optional
        Label map that was judged.
    uncertainty : ndarray of float, shape (rows, columns), optional
        >= 0; None: not shown.
    reference : ndarray of int, shape (rows, columns), optional
        Label map of an expert.
    pixel_mm : tuple of float
        Height and width of a pixel.
    largest_uncertainty : float
        The brightest value of the heat scale: the largest of the whole case.

    Notes
    -----
    Guarantee: none.
    """

    image: NDArray[Any]
    mask: NDArray[Any] | None
    uncertainty: NDArray[Any] | None
    reference: NDArray[Any] | None = None
    pixel_mm: tuple[float, float] = (1.0, 1.0)
    largest_uncertainty: float = 1.0

    @property
    def caption(self) -> str:
        """What the colours mean."""
        lines = {"judged mask in yellow": self.mask, "reference mask in blue": self.reference}
        drawn = [words for words, labels in lines.items() if labels is not None]
        said = ["image", *([", ".join(drawn)] if drawn else [])]
        if self.uncertainty is not None:
            said.append(
                f"uncertainty, brightest = {self.largest_uncertainty:.2g}, the largest of this case"
            )
        places = ("Left", "Middle", "Right") if len(said) == 3 else ("Left", "Right")
        if len(said) == 1:
            return "Image, no mask."
        return " ".join(f"{place}: {what}." for place, what in zip(places, said, strict=True))

    def png(self) -> bytes:
        """Return the panels side by side as a PNG.

        Notes
        -----
        Grey levels run from the 1st to the 99.5th percentile of the slice; pixels are repeated,
        never interpolated. Guarantee: none.
        """
        repeats = self._repeats()
        grey = _enlarged(_grey(self.image), repeats)
        plain = np.repeat(grey[..., None], 3, axis=2)
        gap = np.full((grey.shape[0], GAP, 3), 255.0)
        panels = [plain]
        if self.mask is not None or self.reference is not None:
            panels += [gap, self._outlined(plain, repeats)]
        if self.uncertainty is not None:
            share = np.clip(self.uncertainty / max(self.largest_uncertainty, 1e-12), 0.0, 1.0)
            panels += [gap, _heat(_enlarged(share, repeats), plain)]
        return png_bytes(np.concatenate(panels, axis=1).round().astype(np.uint8))

    def _outlined(self, plain: NDArray[Any], repeats: tuple[int, int]) -> NDArray[Any]:
        outlined = plain.copy()
        for labels, colour in ((self.reference, REFERENCE_COLOUR), (self.mask, MASK_COLOUR)):
            if labels is not None:
                outlined[_outline(_enlarged(labels, repeats))] = colour
        return outlined

    def _repeats(self) -> tuple[int, int]:
        finest = min(self.pixel_mm)
        height, width = (
            count * step / finest
            for count, step in zip(self.image.shape, self.pixel_mm, strict=True)
        )
        enlarge = max(1.0, np.ceil(PANEL / max(height, width)))
        return (
            max(1, round(enlarge * self.pixel_mm[0] / finest)),
            max(1, round(enlarge * self.pixel_mm[1] / finest)),
        )


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
    reference = case.reference if reference is None else reference
    given = {"mask": mask, "uncertainty": uncertainty_map, "reference": reference}
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
    planes = {"image": case.channels_first()[0], **shown}
    spacing = case.spacing
    if len(spacing) == 3:
        axis = max(range(3), key=lambda place: (spacing[place], place))
        place = _slice_with_most(shown, case.spatial_shape, axis)
        planes = {name: plane.take(place, axis) for name, plane in planes.items()}
        spacing = tuple(step for place, step in enumerate(spacing) if place != axis)
    turned = {name: np.rot90(plane) for name, plane in planes.items()}
    return Picture(
        turned["image"],
        turned.get("mask"),
        turned.get("uncertainty"),
        turned.get("reference"),
        pixel_mm=(spacing[1], spacing[0]),
        largest_uncertainty=float(shown["uncertainty"].max()) if "uncertainty" in shown else 1.0,
    )


def _slice_with_most(shown: Mapping[str, NDArray[Any]], shape: tuple[int, ...], axis: int) -> int:
    others = tuple(place for place in range(3) if place != axis)
    if "mask" in shown and (shown["mask"] > 0).any():
        return int((shown["mask"] > 0).sum(axis=others).argmax())
    if "uncertainty" in shown:
        return int(shown["uncertainty"].sum(axis=others).argmax())
    return shape[axis] // 2


def _grey(image: NDArray[Any]) -> NDArray[np.float64]:
    low, high = np.percentile(image, [1.0, 99.5])
    return np.asarray(255.0 * np.clip((image - low) / max(high - low, 1e-12), 0.0, 1.0))


def _enlarged(values: NDArray[Any], repeats: tuple[int, int]) -> NDArray[Any]:
    return values.repeat(repeats[0], axis=0).repeat(repeats[1], axis=1)


def _outline(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels of a structure that touch another label, two pixels thick, inside the structure."""
    edge = np.zeros(labels.shape, dtype=bool)
    for step in (1, 2):
        padded = np.pad(labels, step, mode="edge")
        for rows, columns in ((0, step), (2 * step, step), (step, 0), (step, 2 * step)):
            moved = padded[rows : rows + labels.shape[0], columns : columns + labels.shape[1]]
            edge |= moved != labels
    return edge & (labels > 0)


def _heat(share: NDArray[np.float64], plain: NDArray[np.float64]) -> NDArray[np.float64]:
    stops = np.linspace(0.0, 1.0, len(HEAT))
    colour = np.stack([np.interp(share, stops, HEAT[:, band]) for band in range(3)], axis=2)
    strength = np.clip(2.0 * share, 0.0, 0.9)[..., None]
    return np.asarray((1.0 - strength) * 0.6 * plain + strength * colour)
