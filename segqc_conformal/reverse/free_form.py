"""Free-form registration: a smooth displacement on top of an affine map, for a batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from segqc_conformal.reverse.affine import moved
from segqc_conformal.reverse.correlation import local_correlation
from segqc_conformal.reverse.level import Level, at_places, places
from segqc_conformal.reverse.separable import along_axes, centred, spline_weights, window_weights

__all__ = ["FreeForm", "free_form_registration"]

PACE = 0.2  # of a voxel in one step
WINDOW = 2.0  # standard deviation of the windows, in voxels


@dataclass(frozen=True, eq=False)
class FreeForm:
    """Where places of each reference lie in the case: an affine map and a cubic B-spline.

    ``affine`` ``(batch, axes, axes + 1)``; ``control`` ``(batch, axes, *knots)`` in mm; ``knots``
    has their places along each axis, ``step`` mm apart.
    """

    affine: Tensor
    control: Tensor
    knots: tuple[Tensor, ...]
    step: float

    def places(self, axes: Sequence[Tensor]) -> Tensor:
        """Return where voxels at these places along each axis lie, ``(batch, *grid, axes)``, mm."""
        splines = [
            spline_weights(axis, knots, self.step)
            for axis, knots in zip(axes, self.knots, strict=True)
        ]
        return moved(self.affine, places(axes)) + along_axes(self.control, splines).movedim(1, -1)

    def of(self, number: int) -> FreeForm:
        """Return the map of a single reference."""
        chosen = slice(number, number + 1)
        return FreeForm(self.affine[chosen], self.control[chosen], self.knots, self.step)


def free_form_registration(
    levels: Sequence[Level], affine: Tensor, control_mm: float, stiffness: float, steps: int
) -> FreeForm:
    """Find the smooth displacement that brings the case onto each reference.

    Parameters
    ----------
    levels : sequence of Level
        Coarse to fine.
    affine : Tensor, shape (batch, axes, axes + 1)
        Of `affine_registration`.
    control_mm : float
        Distance of the knots.
    stiffness : float
        Weight of the mean squared strain of the control grid beside the mean squared local
        correlation, which lies in [0, 1).
    steps : int
        Of the optimiser at each level.

    Returns
    -------
    FreeForm

    Notes
    -----
    Guarantee: none; the strain keeps folding rare. Source: Rueckert et al., IEEE Trans. Med.
    Imaging 18 (1999) 712-721, with local correlation and Adam.
    """
    knots = tuple(
        centred(math.ceil((axis[-1] - axis[0]).item() / control_mm) + 3, control_mm, axis.device)
        for axis in levels[-1].axes
    )
    shape = (len(affine), len(knots), *map(len, knots))
    control = torch.zeros(shape, device=affine.device)
    for one in levels:
        control = _refined(one, FreeForm(affine, control, knots, control_mm), stiffness, steps)
    return FreeForm(affine, control, knots, control_mm)


def _refined(one: Level, start: FreeForm, stiffness: float, steps: int) -> Tensor:
    windows = [window_weights(axis, one.step, WINDOW * one.step) for axis in one.axes]
    splines = [
        spline_weights(axis, knots, start.step)
        for axis, knots in zip(one.axes, start.knots, strict=True)
    ]
    straight = moved(start.affine, places(one.axes))
    control = start.control.clone().requires_grad_()
    optimiser = torch.optim.Adam([control], lr=PACE * one.step)
    for _ in range(steps):
        optimiser.zero_grad()
        at = straight + along_axes(control, splines).movedim(1, -1)
        warped = at_places(one.moving, one.own_axes, at)
        alike = local_correlation(one.fixed, warped, one.weight, windows)
        loss = (stiffness * _strain(control, start.step) - alike).sum()
        torch.autograd.backward(loss)
        optimiser.step()
    return control.detach()


def _strain(control: Tensor, step: float) -> Tensor:
    """Return the mean squared change of the displacement from knot to knot, ``(batch,)``."""
    parts = [
        (control.diff(dim=axis) / step).square().flatten(1).mean(dim=1)
        for axis in range(2, control.ndim)
    ]
    return torch.stack(parts).sum(dim=0)
