"""Degradations are seeded, keep the grid, and get worse with their strength."""

from __future__ import annotations

import numpy as np
import pytest
from degradations import KNOWN, OF_MICROSCOPY, change_contrast, degrade, degrade_tile
from scipy.ndimage import gaussian_filter

RNG = np.random.default_rng(0)
IMAGE = (100 * gaussian_filter(RNG.standard_normal((20, 24, 18)), 2) + 50).astype(np.float32)


@pytest.mark.parametrize("kind", KNOWN)
def test_every_kind_keeps_the_grid_and_grows_with_strength(kind: str) -> None:
    mild, severe = (KNOWN[kind](IMAGE, s, np.random.default_rng(3)) for s in (0.0, 1.0))
    assert mild.shape == severe.shape == IMAGE.shape
    assert np.isfinite(severe).all()

    def likeness(image: np.ndarray) -> float:
        return float(np.corrcoef(image.ravel(), IMAGE.ravel())[0, 1])

    assert likeness(severe) < likeness(mild) < 1.0


def test_same_seed_same_scan_other_seed_another() -> None:
    first, kind, strength = degrade(IMAGE, 7)
    again, _, _ = degrade(IMAGE, 7)
    np.testing.assert_array_equal(first, again)
    assert kind in KNOWN
    assert 0 <= strength <= 1
    assert not np.array_equal(first, degrade(IMAGE, 8)[0])


def test_the_given_image_is_left_alone() -> None:
    before = IMAGE.copy()
    for seed in range(12):
        degrade(IMAGE, seed)
    change_contrast(IMAGE, 0)
    np.testing.assert_array_equal(IMAGE, before)


def test_changed_contrast_turns_the_order_of_tones_round() -> None:
    ramp = np.linspace(0, 1, 1000, dtype=np.float32).reshape(10, 10, 10)
    steps = np.diff(change_contrast(ramp, 1).ravel())
    assert (steps[:300] >= 0).all()
    assert (steps[-100:] <= 0).all()


def test_faults_of_a_tile_are_of_microscopy_and_the_same_in_each_channel() -> None:
    grey = np.repeat(IMAGE[None, :, :, 0], 3, axis=0)
    kinds = set()
    for seed in range(40):
        tile, kind, _ = degrade_tile(grey, seed)
        kinds.add(kind)
        assert tile.shape == grey.shape
        np.testing.assert_array_equal(tile[0], tile[2])
    assert kinds == set(OF_MICROSCOPY)
    np.testing.assert_array_equal(degrade_tile(grey, 3)[0], degrade_tile(grey, 3)[0])


@pytest.mark.parametrize("kind", OF_MICROSCOPY)
def test_faults_of_a_volume_apply_to_a_plane(kind: str) -> None:
    plane = IMAGE[:, :, 0]
    out = KNOWN[kind](plane, 0.5, np.random.default_rng(0))
    assert out.shape == plane.shape
    assert not np.array_equal(out, plane)
