import numpy as np
import pytest

from segqc_conformal.case import Case

STRUCTURES = {"core": 1, "rim": 2}


def ball(shape, spacing, centre, radius_mm):
    grid = np.moveaxis(np.indices(shape), 0, -1)
    return np.linalg.norm((grid - np.array(centre)) * np.array(spacing), axis=-1) <= radius_mm


def _volume(number: int, shape=(24, 26, 9), spacing=(1.0, 1.0, 3.0)) -> Case:
    """Return a lesion in 3-D, thick slices, with a core, a rim and a second component."""
    rng = np.random.default_rng(number)
    centre = np.array(shape) / 2 + rng.uniform(-1, 1, len(shape)) / np.array(spacing)
    labels = np.where(ball(shape, spacing, centre, 8.0), 2, 0)
    labels[ball(shape, spacing, centre, 5.0)] = 1
    labels[(slice(2, 5), slice(2, 5), slice(0, 2))[: len(shape)]] = 2
    image = rng.normal(size=shape) + labels
    return Case(image, f"c{number}", f"p{number}", reference=labels, spacing_mm=spacing)


@pytest.fixture(scope="session")
def volume():
    """Make a case in 3-D with two structures on an anisotropic grid."""
    return _volume


@pytest.fixture(scope="session")
def picture():
    """Make a case in 2-D with two structures."""
    return lambda number: _volume(number, (40, 36), (1.0, 1.0))
