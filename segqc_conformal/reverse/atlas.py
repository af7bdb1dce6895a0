"""Reverse segmentation by registration: the judged mask is carried to the references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from segqc_conformal.errors import InputError
from segqc_conformal.reverse.affine import affine_registration
from segqc_conformal.reverse.free_form import FreeForm, free_form_registration
from segqc_conformal.reverse.labelled_image import LabelledImage
from segqc_conformal.reverse.level import at_places, level, own_axes

__all__ = ["AtlasRegistration"]


@dataclass(frozen=True)
class AtlasRegistration:
    """Register the case, as the only atlas, to all references in one batch; carry its mask over.

    Affine (correlation of the whole images), then free-form (local correlation), each coarse to
    fine, in torch on any device, in 2D and 3D. Images of unlike spacing are registered in mm.

    Parameters
    ----------
    resolution_mm : float, optional
        Voxel size of the finest grid that is registered on; None: twice the mean (geometric)
        spacing of the case. The mask is carried to the references' own grids whatever it is.
    control_voxels : float
        Distance of the knots of the displacement, in voxels of the finest grid.
    stiffness : float
        > 0; more keeps the displacement smoother.
    affine_steps, free_form_steps : int
        Of the optimiser at each of two levels, >= 0; 0 leaves the stage out.
    device : str, optional
        None: CUDA where there is one, else the CPU.

    Raises
    ------
    InputError
        For a setting out of its range.

    Notes
    -----
    Guarantee: none. Sources: Valindria et al., IEEE Trans. Med. Imaging 36 (2017) 1597-1606
    (single-atlas reverse classification); Rueckert et al. (1999) for the free-form part.
    """

    resolution_mm: float | None = None
    control_voxels: float = 2.5
    stiffness: float = 1.0
    affine_steps: int = 30
    free_form_steps: int = 30
    device: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check the settings."""
        positive = {
            "control_voxels": self.control_voxels,
            "stiffness": self.stiffness,
            **({} if self.resolution_mm is None else {"resolution_mm": self.resolution_mm}),
        }
        for name, value in positive.items():
            if not 0.0 < value < np.inf:
                raise InputError(f"{name} > 0", value, "correct it")
        if min(self.affine_steps, self.free_form_steps) < 0:
            raise InputError(
                "affine_steps and free_form_steps >= 0",
                f"{self.affine_steps} and {self.free_form_steps}",
                "correct them",
            )

    def label_maps(
        self, case: LabelledImage, references: Sequence[LabelledImage]
    ) -> list[NDArray[np.int64]]:
        """Carry the labels of the case to the grid of each reference."""
        maps = self.register(case, references)
        return [_carried(case, one, maps.of(place)) for place, one in enumerate(references)]

    def register(self, case: LabelledImage, references: Sequence[LabelledImage]) -> FreeForm:
        """Find where the places of each reference lie in the case."""
        device = torch.device(self.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        step = self.resolution_mm or 2.0 * float(np.exp(np.mean(np.log(case.spacing))))
        levels = [level(case, references, factor * step, device) for factor in (4.0, 2.0, 1.0)]
        with torch.enable_grad():
            affine = affine_registration(levels[:2], self.affine_steps)
            return free_form_registration(
                levels[1:],
                affine,
                self.control_voxels * step,
                self.stiffness,
                self.free_form_steps,
            )


def _carried(case: LabelledImage, reference: LabelledImage, found: FreeForm) -> NDArray[np.int64]:
    device = found.affine.device
    names, codes = np.unique(case.labels, return_inverse=True)
    classes = torch.arange(len(names), device=device).reshape(-1, *(1,) * case.labels.ndim)
    given = torch.as_tensor(codes.reshape(case.labels.shape), device=device)
    there = found.places(own_axes(reference, device))
    shares = at_places((given == classes).float()[None], own_axes(case, device), there)
    return np.asarray(names[shares[0].argmax(dim=0).cpu().numpy()])
