"""One patient's pair of structures in the demo: sizes, pose and illness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Body", "draw_body"]


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

    Notes
    -----
    Guarantee: none (a simulation).
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


def draw_body(rng: np.random.Generator, severity_scale: float = 1.0) -> Body:
    """Draw one patient's sizes, pose and illness.

    Parameters
    ----------
    rng : Generator
        Where the randomness comes from.
    severity_scale : float
        Factor >= 0 on the severity of an illness, which stays within [0, 1].

    Returns
    -------
    Body

    Notes
    -----
    Guarantee: none (a simulation).

    Examples
    --------
    >>> draw_body(np.random.default_rng(0)).illness
    'none'
    """
    illness = str(rng.choice(["none", "atrophy", "lesion"], p=[0.80, 0.10, 0.10]))
    severity = min(1.0, severity_scale * float(rng.beta(1.2, 1.2)))
    size = float(np.exp(0.09 * rng.standard_normal()))
    size *= 1.0 - 0.45 * severity if illness == "atrophy" else 1.0
    x, y, z = (2.2 * rng.standard_normal(3)).tolist()
    pitch, roll, yaw = (0.14 * rng.standard_normal(3)).tolist()
    shape = rng.standard_normal(7).clip(-2.5, 2.5).tolist()
    return Body(
        centre_mm=(x, y, z),
        angles=(pitch, roll, yaw),
        half_length_mm=min(19.0 * size**0.5 * (1 + 0.08 * shape[0]), 24.0),
        head_radius_mm=9.2 * size * (1 + 0.08 * shape[1]),
        tail_radius_mm=7.0 * size * (1 + 0.08 * shape[2]),
        bend=0.012 + 0.005 * shape[3],
        side_bend=0.006 + 0.005 * shape[4],
        border_mm=2.0 + 2.0 * shape[5],
        border_tilt=0.2 * shape[6],
        illness=illness,
        severity=severity if illness != "none" else 0.0,
    )
