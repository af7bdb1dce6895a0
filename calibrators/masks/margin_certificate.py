"""A certified margin in mm and what it promises."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.calibrators.checks import percent
from segqc_conformal.calibrators.masks.depth import check_mask, depth_inside, distance_to
from segqc_conformal.calibrators.p_values import ROUNDING
from segqc_conformal.errors import InputError

__all__ = ["MarginCertificate"]

ALIKE = 1.0 + ROUNDING  # equal distances may differ in the last digit; the safe side is taken


@dataclass(frozen=True)
class MarginCertificate:
    """A calibrated margin: what `MaskMargin.calibrate` returns.

    Parameters
    ----------
    structure : str
        The structure of the masks.
    side : {"both", "outer", "inner"}
        Which of the two masks carry a promise.
    miscoverage : float
        alpha of the promise.
    tolerated : float
        Share of voxels that may lie on the wrong side.
    confidence : float or None
        1 - delta; None: marginal.
    patients : int
        Calibration patients counted.
    margin_mm : float or None
        None: no finite margin holds; the outer mask is everything, the inner one empty.
    """

    structure: str
    side: str
    miscoverage: float
    tolerated: float
    confidence: float | None
    patients: int
    margin_mm: float | None

    def outer(self, mask: NDArray[np.bool_], spacing_mm: Sequence[float]) -> NDArray[np.bool_]:
        """Return the voxels at most the margin away from the mask, the mask included.

        Parameters
        ----------
        mask : ndarray of bool, shape ``(*spatial)``
            Mask of a new case, made as those of the calibration cases were.
        spacing_mm : sequence of float
            Voxel size along each axis, mm.

        Returns
        -------
        ndarray of bool, shape ``(*spatial)``

        Notes
        -----
        Guarantee: see `promise`.
        """
        self._check_side("outer")
        check_mask(mask, spacing_mm)
        if self.margin_mm is None:
            return np.ones_like(mask)
        return np.asarray(distance_to(mask, spacing_mm) <= self.margin_mm * ALIKE)

    def inner(self, mask: NDArray[np.bool_], spacing_mm: Sequence[float]) -> NDArray[np.bool_]:
        """Return the voxels of the mask that lie deeper than the margin; see `outer`.

        Notes
        -----
        Guarantee: see `promise`.
        """
        self._check_side("inner")
        check_mask(mask, spacing_mm)
        if self.margin_mm is None:
            return np.zeros_like(mask)
        return np.asarray(depth_inside(mask, spacing_mm) > self.margin_mm * ALIKE)

    def _check_side(self, side: str) -> None:
        if self.side not in ("both", side):
            raise InputError(
                f'a margin calibrated with side="both" or "{side}"',
                f'side="{self.side}"',
                "calibrate the side you need: the other one carries no promise",
            )

    @property
    def promise(self) -> str:
        """What holds, in words for a person."""
        if self.margin_mm is None:
            return (
                f"No finite margin holds from {self.patients} calibration patients: the outer "
                "mask is the whole image and the inner mask is empty, which always holds and "
                "says nothing."
            )
        share = percent(1 - self.miscoverage)
        if self.confidence is None:
            return (
                f"For a new patient exchangeable with the {self.patients} calibration patients, "
                f"with probability at least {share} {self._claim}, averaged over calibrations."
            )
        return (
            f"With {percent(self.confidence)} confidence in this calibration of {self.patients} "
            f"patients, for at least {share} of new patients of the same population {self._claim}."
        )

    @property
    def _claim(self) -> str:
        share = "nothing" if self.tolerated == 0 else f"at most {percent(self.tolerated)}"
        outer = (
            f"{share} of the {self.structure} reference lies outside the mask grown by "
            f"{self.margin_mm:.3g} mm"
        )
        inner = (
            f"{share} of the {self.structure} mask shrunk by {self.margin_mm:.3g} mm lies outside "
            "the reference"
        )
        return {"outer": outer, "inner": inner, "both": f"{outer}, and {inner}"}[self.side]

    def to_json(self) -> str:
        """Return the certificate as JSON."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> MarginCertificate:
        """Read a certificate written by `to_json`."""
        return cls(**json.loads(text))
