"""The demo's anatomy: a bent pair of adjoining structures among tissues that resemble them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.demo.body import Body, draw_body
from segqc_conformal.demo.geometry import (
    SHAPE,
    Volume,
    body_coordinates,
    ellipsoid_distance_mm,
    voxel_share,
)
from segqc_conformal.demo.random_field import smooth_field

__all__ = ["STRUCTURES", "TISSUES", "Anatomy", "draw_anatomy"]

STRUCTURES = {"anterior": 1, "posterior": 2}
TISSUES = ("white", "grey", "fluid", "anterior", "posterior")


@dataclass(frozen=True, eq=False)
class Anatomy:
    """What a scanner would see of one patient.

    Parameters
    ----------
    tissues : ndarray of float32, shape ``(5, *SHAPE)``
        Share of each voxel that each of `TISSUES` fills; sums to 1 (partial volume).
    reference : ndarray of uint8, shape ``SHAPE``
        The label map an expert would draw: 0 background, 1 anterior, 2 posterior.
    body : Body
        The drawn facts behind it.

    Notes
    -----
    Guarantee: none (a simulation).
    """

    tissues: Volume
    reference: NDArray[np.uint8]
    body: Body


def _surroundings(rng: np.random.Generator, near: Volume) -> list[Volume]:
    """White matter, folded grey matter and fluid; white matter clings to the structures."""
    folds = smooth_field(rng, SHAPE, (8, 11, 8)) + 0.55
    folds += 1.6 * np.clip(near, 0.0, 1.0) * (1.0 + 0.5 * smooth_field(rng, SHAPE, (6, 8, 6)))
    fluid = np.clip((-0.75 - folds) / 0.4, 0.0, 1.0)
    white = np.clip((folds + 0.1) / 0.4, 0.0, 1.0)
    return [white, 1.0 - white - fluid, fluid]


def draw_anatomy(rng: np.random.Generator, severity_scale: float = 1.0) -> Anatomy:
    """Draw one patient: two curved, adjoining structures, their surroundings and look-alikes.

    Parameters
    ----------
    rng : Generator
        Where the randomness comes from.
    severity_scale : float
        Factor >= 0 on the severity of an illness, which stays within [0, 1].

    Returns
    -------
    Anatomy

    Notes
    -----
    Guarantee: none (a simulation). Surfaces are implicit functions; the share of a voxel that a
    tissue fills follows from the distance to its surface, which gives partial volume without a
    finer grid.

    Examples
    --------
    >>> anatomy = draw_anatomy(np.random.default_rng(0))
    >>> anatomy.tissues.shape, float(np.abs(anatomy.tissues.sum(axis=0) - 1).max()) < 1e-5
    ((5, 28, 40, 28), True)
    """
    body = draw_body(rng, severity_scale)
    along, across, up = body_coordinates(body)
    front = np.clip(0.5 + (along - body.border_mm) / 8.0, 0.0, 1.0)
    radius = body.tail_radius_mm + (body.head_radius_mm - body.tail_radius_mm) * front
    radii = (body.half_length_mm, 0.85 * radius, 0.8 * radius)
    distance = ellipsoid_distance_mm((along, across, up), radii)
    distance += 0.35 * smooth_field(rng, SHAPE, (9, 12, 9))
    pair = voxel_share(distance)
    ahead = voxel_share(body.border_mm + body.border_tilt * up - along)
    layers = _surroundings(rng, 1.3 - distance / 3.0)
    for tissue, look_alike in _neighbours(rng, body, (along, across, up)):
        layers = [layer * (1 - look_alike) for layer in layers]
        layers[tissue] = layers[tissue] + look_alike
    inside = [pair * ahead, pair * (1 - ahead)]
    tissues = np.stack([*(layer * (1 - pair) for layer in layers), *inside])
    if body.illness == "lesion":
        _add_lesion(tissues, rng, body, (along, across, up))
    labels = np.where(ahead > 0.5, 1, 2) * (pair > 0.5)
    return Anatomy(tissues.astype(np.float32), labels.astype(np.uint8), body)


def _neighbours(
    rng: np.random.Generator, body: Body, where: tuple[Volume, Volume, Volume]
) -> list[tuple[int, Volume]]:
    """Fluid beside the pair, and two bodies of grey matter that resemble it."""
    along, across, up = where
    jitter = rng.standard_normal(9).clip(-2, 2).tolist()
    widen = 1.0 + (1.8 * body.severity if body.illness == "atrophy" else 0.0)
    horn = (along - 2.0 - 3 * jitter[0], across - body.head_radius_mm - 1.0 - 0.7 * jitter[1], up)
    almond = (
        along - body.half_length_mm - 2.0 * jitter[2],
        across + 2.0 * jitter[3],
        up - body.head_radius_mm - 3.0 - 1.5 * jitter[4],
    )
    gyrus = (
        along - 4.0 * jitter[5],
        across + 2.0 + 2.0 * jitter[6],
        up + body.head_radius_mm + 6.0 + 1.5 * jitter[7],
    )
    size = 1.0 + 0.15 * jitter[8]
    return [
        (1, voxel_share(ellipsoid_distance_mm(gyrus, (22.0, 5.0 * size, 3.6)))),
        (1, voxel_share(ellipsoid_distance_mm(almond, (7.0 * size, 6.5, 5.5 * size)))),
        (2, voxel_share(ellipsoid_distance_mm(horn, (13.0, 1.7 * widen, 4.5 * widen)))),
    ]


def _add_lesion(
    tissues: Volume, rng: np.random.Generator, body: Body, where: tuple[Volume, Volume, Volume]
) -> None:
    """Turn part of the pair into something bright or dark; the reference mask keeps it."""
    along, across, up = where
    centre = float(rng.uniform(-0.7, 0.8)) * body.half_length_mm
    reach = 4.0 + 9.0 * body.severity
    spot = voxel_share(ellipsoid_distance_mm((along - centre, across, up), (reach, 8.0, 8.0)))
    changed = spot * min(1.0, 0.25 + body.severity)
    target = int(rng.choice([0, 2]))
    for structure in (3, 4):
        tissues[target] += changed * tissues[structure]
        tissues[structure] *= 1 - changed
