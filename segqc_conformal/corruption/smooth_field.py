"""Smooth random fields on any grid, which make corruption uneven, as real errors are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fftfreq, irfftn, rfftfreq, rfftn
from scipy.special import ndtr

__all__ = ["normal_field", "uniform_field"]


def normal_field(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    spacing_mm: tuple[float, ...],
    length_mm: float,
) -> NDArray[np.float64]:
    """Draw a Gaussian field of mean 0 and standard deviation 1 over the grid.

    Parameters
    ----------
    rng : Generator
    shape : tuple of int
    spacing_mm : tuple of float
    length_mm : float
        Standard deviation of the Gaussian that smooths white noise, > 0.

    Returns
    -------
    ndarray of float64, shape `shape`
        0 where the grid is a single voxel.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> normal_field(np.random.default_rng(0), (20, 30), (1.0, 1.0), 3.0).std().round(6)
    np.float64(1.0)
    """
    # by Fourier transform: the grid wraps around, and long lengths cost no more than short ones
    spectrum = rfftn(rng.standard_normal(shape))
    for axis, (count, step) in enumerate(zip(shape, spacing_mm, strict=True)):
        last = axis == len(shape) - 1
        waves = rfftfreq(count, step) if last else fftfreq(count, step)
        damping = np.exp(-2.0 * (np.pi * length_mm * waves) ** 2)
        spectrum *= damping.reshape(-1, *(1,) * (len(shape) - 1 - axis))
    spectrum.flat[0] = 0.0
    smooth = irfftn(spectrum, shape)
    return np.asarray(smooth / max(smooth.std(), np.finfo(np.float64).tiny))


def uniform_field(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    spacing_mm: tuple[float, ...],
    length_mm: float,
) -> NDArray[np.float64]:
    """Draw a smooth field whose values are spread evenly over (0, 1); see `normal_field`.

    Examples
    --------
    >>> field = uniform_field(np.random.default_rng(0), (20, 30), (1.0, 1.0), 3.0)
    >>> bool(0.0 < field.min() < 0.1 and 0.9 < field.max() < 1.0)
    True
    """
    return np.asarray(ndtr(normal_field(rng, shape, spacing_mm, length_mm)))
