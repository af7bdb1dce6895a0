"""A slice of a case as a picture: image, masks and regions in outline, uncertainty as heat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.reports.png import png_bytes

__all__ = ["Picture"]

PANEL = 300  # pixels of the longer side of a panel, at least
GAP = 8
MASK_COLOUR = (255, 196, 0)
REFERENCE_COLOUR = (64, 224, 255)
REGION_COLOUR = (255, 64, 176)
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
    regions : ndarray of int, shape (rows, columns), optional
        Label map of the regions to look at.

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
    regions: NDArray[Any] | None = None

    @property
    def caption(self) -> str:
        """What the colours mean."""
        lines = {
            "judged mask in yellow": self.mask,
            "reference mask in blue": self.reference,
            "regions to look at in pink": self.regions,
        }
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
        if any(drawn is not None for drawn in (self.mask, self.reference, self.regions)):
            panels += [gap, self._outlined(plain, repeats)]
        if self.uncertainty is not None:
            share = np.clip(self.uncertainty / max(self.largest_uncertainty, 1e-12), 0.0, 1.0)
            panels += [gap, _heat(_enlarged(share, repeats), plain)]
        return png_bytes(np.concatenate(panels, axis=1).round().astype(np.uint8))

    def _outlined(self, plain: NDArray[Any], repeats: tuple[int, int]) -> NDArray[Any]:
        outlined = plain.copy()
        drawn = (
            (self.reference, REFERENCE_COLOUR),
            (self.mask, MASK_COLOUR),
            (self.regions, REGION_COLOUR),
        )
        for labels, colour in drawn:
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
