"""Affine registration of a case to a batch of references."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from segqc_conformal.reverse.correlation import whole_correlation
from segqc_conformal.reverse.level import Level, at_places, places

__all__ = ["affine_registration", "moved"]

PACE = 0.25  # of a voxel: how far the farthest place moves in one step, at most


def affine_registration(levels: Sequence[Level], steps: int) -> Tensor:
    """Find for each reference the affine map from its places to those of the case.

    Parameters
    ----------
    levels : sequence of Level
        Coarse to fine.
    steps : int
        Of the optimiser at each level.

    Returns
    -------
    Tensor, shape (batch, axes, axes + 1)
        For `moved`; mm.

    Notes
    -----
    Starts with the centres of the grids, or of the intensities, on each other, whichever agrees
    better, and maximises the correlation of the whole images with Adam. Guarantee: none.
    """
    found = _start(levels[0])
    for one in levels:
        found = _refined(one, found, steps)
    return found


def moved(affine: Tensor, at: Tensor) -> Tensor:
    """Apply affine maps ``(batch, axes, axes + 1)`` to places ``(*grid, axes)``."""
    linear, shift = affine[..., :-1], affine[..., -1]
    away: Tensor = torch.tensordot(at, linear, dims=([-1], [2])).movedim(-2, 0)
    return away + shift.reshape(len(shift), *(1,) * (at.ndim - 1), -1)


def _agreement(one: Level, affine: Tensor, at: Tensor) -> Tensor:
    warped = at_places(one.moving, one.own_axes, moved(affine, at))
    return whole_correlation(one.fixed, warped, one.weight)


def _start(one: Level) -> Tensor:
    at, axes = places(one.axes), len(one.axes)
    identity = torch.eye(axes, axes + 1, device=at.device).repeat(len(one.fixed), 1, 1)
    own = places(one.own_axes)
    shifted = identity.clone()
    shifted[..., -1] = _centre(one.moving, torch.ones_like(one.moving[:, :1]), own)
    shifted[..., -1] -= _centre(one.fixed, one.weight, at)
    better = _agreement(one, shifted, at) > _agreement(one, identity, at)
    return torch.where(better[:, None, None], shifted, identity)


def _centre(images: Tensor, weight: Tensor, at: Tensor) -> Tensor:
    """Return the centre of the intensities above the smallest one, ``(batch, axes)``."""
    bright = images.mean(dim=1)
    mass = (bright - bright.amin(dim=tuple(range(1, bright.ndim)), keepdim=True)) * weight[:, 0]
    mass = mass / mass.flatten(1).sum(dim=1).clamp_min(1e-6).reshape(-1, *(1,) * (mass.ndim - 1))
    centre: Tensor = mass.flatten(1) @ at.flatten(0, -2)
    return centre


def _refined(one: Level, start: Tensor, steps: int) -> Tensor:
    at = places(one.axes)
    radius = at.norm(dim=-1).max().clamp_min(one.step)
    # entries in mm at the far end of the grid, so that one pace suits them all
    scale = torch.full_like(start, 1.0)
    scale[..., :-1] /= radius
    change = torch.zeros_like(start, requires_grad=True)
    optimiser = torch.optim.Adam([change], lr=PACE * one.step)
    for _ in range(steps):
        optimiser.zero_grad()
        # a sum: each reference goes its own way, whichever others are in the batch
        loss = -_agreement(one, start + scale * change, at).sum()
        torch.autograd.backward(loss)
        optimiser.step()
    return (start + scale * change).detach()
