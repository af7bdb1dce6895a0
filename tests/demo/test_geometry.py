"""The demo's grid, bent coordinates and surfaces."""

from dataclasses import replace

import numpy as np
import pytest

from segqc_conformal.demo.body import draw_body
from segqc_conformal.demo.geometry import (
    SHAPE,
    body_coordinates,
    ellipsoid_distance_mm,
    voxel_share,
)

STRAIGHT = replace(
    draw_body(np.random.default_rng(0)),
    centre_mm=(0.0, 0.0, 0.0),
    angles=(0.0, 0.0, 0.0),
    bend=0.0,
    side_bend=0.0,
)


def test_a_straight_centred_body_has_the_scanner_axes():
    along, across, up = body_coordinates(STRAIGHT)

    assert along.shape == SHAPE
    assert along[3, :, 5].tolist() == [1.5 * (i - 19.5) for i in range(40)]
    assert across[:, 3, 5].tolist() == [1.5 * (i - 13.5) for i in range(28)]
    assert up[3, 5].tolist() == [1.5 * (i - 13.5) for i in range(28)]


def test_turning_a_body_keeps_distances_to_its_centre():
    turned = body_coordinates(replace(STRAIGHT, angles=(0.3, -0.2, 0.5)))
    straight = body_coordinates(STRAIGHT)

    assert sum(c**2 for c in turned) == pytest.approx(sum(c**2 for c in straight), rel=1e-4)
    assert not np.allclose(turned[0], straight[0], atol=1.0)


def test_a_bent_body_arches_by_the_square_of_the_length():
    up = body_coordinates(replace(STRAIGHT, bend=0.01))[2]
    level = body_coordinates(STRAIGHT)[2]

    assert (up - level)[0, 39, 0] == pytest.approx(0.01 * (1.5 * 19.5) ** 2, rel=1e-5)


def test_distance_near_a_sphere_is_that_to_its_surface():
    points = tuple(np.random.default_rng(2).uniform(-9, 9, (3, 500)).astype(np.float32))
    expected = np.sqrt(sum(p**2 for p in points)) - 4.0
    near = np.abs(expected) < 1.5
    found = ellipsoid_distance_mm(points, (4.0, 4.0, 4.0))

    # What keeps the centre from dividing by zero costs 1 % of the distance.
    assert found[near] == pytest.approx(expected[near], abs=0.015)


def test_shares_of_a_sphere_add_up_to_its_volume():
    distance = ellipsoid_distance_mm(body_coordinates(STRAIGHT), (12.0, 12.0, 12.0))
    volume = voxel_share(distance).sum() * 1.5**3

    assert volume == pytest.approx(4 / 3 * np.pi * 12**3, rel=0.01)
