"""The demo's anatomy: a bent pair of adjoining structures among tissues that resemble them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.demo.random_field import smooth_field

__all__ = ["SHAPE", "SPACING_MM", "STRUCTURES", "TISSUES", "Anatomy", "Body", "draw_anatomy"]

SHAPE = (32, 40, 32)
SPACING_MM = (1.5, 1.5, 1.5)
STRUCTURES = {"anterior": 1, "posterior": 2}
TISSUES = ("white", "grey", "fluid", "anterior", "posterior")
Volume = NDArray[np.float32]


@dataclass(frozen=True)
class Body:
    """Sizes, pose and illness of one patient's pair of structures (mm and radians).

    Parameters
    ----------
    centre_mm, angles : tuple of float
        Pose: offset from the middle of the volume, rotations about x, y and z.
    half_length_mm, head_radius_mm, tail_radius_mm : float
        Size of the pair along its axis, at its front end and at its back end.
    bend, side_bend : float
        Curvature of the axis, upwards and sideways, in 1 / mm.
    border_mm, border_tilt : float
        Where along the axis "anterior" ends, and how oblique that border is.
    illness : str
        "none", "atrophy" (shrunken, more fluid around) or "lesion" (part of the tissue changed).
    severity : float
        Of the illness, in [0, 1].
    """

    centre_mm: tuple[float, float, float]
    angles: tuple[float, float, float]
    half_length_mm: float
    head_radius_mm: float
    tail_radius_mm: float
    bend: float
    side_bend: float
    border_mm: float
    border_tilt: float
    illness: str
    severity: float


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
    """

    tissues: Volume
    reference: NDArray[np.uint8]
    body: Body


def _draw_body(rng: np.random.Generator, severity_scale: float) -> Body:
    illness = str(rng.choice(["none", "atrophy", "lesion"], p=[0.80, 0.10, 0.10]))
    severity = float(severity_scale * rng.beta(1.2, 1.2))
    size = float(np.exp(0.09 * rng.standard_normal()))
    size *= 1.0 - 0.45 * severity if illness == "atrophy" else 1.0
    x, y, z = (2.2 * rng.standard_normal(3)).tolist()
    pitch, roll, yaw = (0.14 * rng.standard_normal(3)).tolist()
    shape = rng.standard_normal(7).clip(-2.5, 2.5).tolist()
    return Body(
        centre_mm=(x, y, z),
        angles=(pitch, roll, yaw),
        half_length_mm=min(19.0 * size**0.5 * (1 + 0.08 * shape[0]), 24.0),
        head_radius_mm=8.8 * size * (1 + 0.08 * shape[1]),
        tail_radius_mm=6.6 * size * (1 + 0.08 * shape[2]),
        bend=0.012 + 0.005 * shape[3],
        side_bend=0.006 + 0.005 * shape[4],
        border_mm=2.0 + 2.0 * shape[5],
        border_tilt=0.2 * shape[6],
        illness=illness,
        severity=severity if illness != "none" else 0.0,
    )


@cache
def _grid_mm() -> Volume:
    axes = [
        step * (np.arange(length, dtype=np.float32) - (length - 1) / 2)
        for step, length in zip(SPACING_MM, SHAPE, strict=True)
    ]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"))
    grid.setflags(write=False)
    return grid


def _rotation(angles: tuple[float, float, float]) -> NDArray[np.float32]:
    turn = np.eye(3)
    for (i, j), angle in zip(((1, 2), (0, 2), (0, 1)), angles, strict=True):
        step = np.eye(3)
        step[[i, j, i, j], [i, j, j, i]] = [np.cos(angle)] * 2 + [-np.sin(angle), np.sin(angle)]
        turn = turn @ step
    return turn.astype(np.float32)


def _body_coordinates(body: Body) -> tuple[Volume, Volume, Volume]:
    """Coordinates in mm along the straightened axis, sideways and upwards."""
    turn = _rotation(body.angles)
    x, y, z = (
        sum(turn[row, axis] * (_grid_mm()[axis] - body.centre_mm[axis]) for axis in range(3))
        for row in range(3)
    )
    return y, x - np.float32(body.side_bend) * y**2, z + np.float32(body.bend) * y**2


def _distance_mm(
    offsets: tuple[Volume, Volume, Volume], radii: tuple[float | Volume, ...]
) -> Volume:
    """Signed distance from an ellipsoid's surface, to first order; negative inside."""
    scaled = [offset / radius for offset, radius in zip(offsets, radii, strict=True)]
    level = np.sqrt(sum(part**2 for part in scaled)) + np.float32(1e-3)
    slope = np.sqrt(sum((part / r) ** 2 for part, r in zip(scaled, radii, strict=True)))
    return np.asarray(level * (level - 1) / (slope + np.float32(1e-3)))


def _share(distance_mm: Volume) -> Volume:
    """Share of a voxel inside a surface: linear over the voxel's own width."""
    return np.clip(0.5 - distance_mm / SPACING_MM[0], 0.0, 1.0)


def _surroundings(rng: np.random.Generator, near: Volume) -> list[Volume]:
    """White matter, folded grey matter and fluid; white matter clings to the structures."""
    folds = smooth_field(rng, SHAPE, (9, 11, 9)) + 0.55
    folds += 1.6 * np.clip(near, 0.0, 1.0) * (1.0 + 0.5 * smooth_field(rng, SHAPE, (7, 8, 7)))
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
        Factor on the severity of illnesses, in [0, 1].

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
    ((5, 32, 40, 32), True)
    """
    body = _draw_body(rng, severity_scale)
    along, across, up = _body_coordinates(body)
    front = np.clip(0.5 + (along - body.border_mm) / 8.0, 0.0, 1.0)
    radius = body.tail_radius_mm + (body.head_radius_mm - body.tail_radius_mm) * front
    radii = (body.half_length_mm, 0.85 * radius, 0.8 * radius)
    distance = _distance_mm((along, across, up), radii)
    distance += 0.5 * smooth_field(rng, SHAPE, (10, 12, 10))
    pair = _share(distance)
    ahead = _share(body.border_mm + body.border_tilt * up - along)
    layers = _surroundings(rng, 1.3 - distance / 3.0)
    for tissue, look_alike in _neighbours(rng, body, (along, across, up)):
        layers = [layer * (1 - look_alike) for layer in layers]
        layers[tissue] = layers[tissue] + look_alike
    tissues = np.stack([*(layer * (1 - pair) for layer in layers), pair * ahead, pair * (1 - ahead)])
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
        (1, _share(_distance_mm(gyrus, (22.0, 5.0 * size, 3.6)))),
        (1, _share(_distance_mm(almond, (7.0 * size, 6.5, 5.5 * size)))),
        (2, _share(_distance_mm(horn, (13.0, 1.7 * widen, 4.5 * widen)))),
    ]


def _add_lesion(
    tissues: Volume, rng: np.random.Generator, body: Body, where: tuple[Volume, Volume, Volume]
) -> None:
    """Turn part of the pair into something bright or dark; the reference mask keeps it."""
    along, across, up = where
    centre = float(rng.uniform(-0.7, 0.8)) * body.half_length_mm
    reach = 4.0 + 9.0 * body.severity
    spot = _share(_distance_mm((along - centre, across, up), (reach, 8.0, 8.0)))
    changed = spot * min(1.0, 0.25 + body.severity)
    target = int(rng.choice([0, 2]))
    for structure in (3, 4):
        tissues[target] += changed * tissues[structure]
        tissues[structure] *= 1 - changed
