"""What a voxel classifier sees of each voxel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude

from segqc_conformal.reverse.labelled_image import LabelledImage

__all__ = ["voxel_features"]


def voxel_features(image: LabelledImage, scales_mm: tuple[float, ...]) -> NDArray[np.float32]:
    """Return one row of numbers for each voxel.

    Parameters
    ----------
    image : LabelledImage
        Its labels are not looked at.
    scales_mm : tuple of float
        Standard deviations of the Gaussians.

    Returns
    -------
    ndarray of float32, shape (voxels, channels * (1 + 2 * scales) + axes)
        Of each channel, scaled to median 0 and half the range from the 5 to the 95 % quantile:
        intensity, and at each scale the smoothed intensity and the gradient's magnitude; then the
        place along each axis, from -1 to 1 over the field of view.

    Notes
    -----
    Guarantee: none. A gain or offset of the image changes nothing.

    Examples
    --------
    >>> one = LabelledImage(np.eye(4, dtype=np.float32)[None], np.zeros((4, 4), int), (1.0, 1.0))
    >>> voxel_features(one, (1.0, 2.0)).shape
    (16, 7)
    """
    shape = image.labels.shape
    columns: list[NDArray[np.float64]] = []
    for channel in image.image:
        scaled = _scaled(channel.astype(np.float64))
        columns.append(scaled)
        for scale in scales_mm:
            voxels = [scale / step for step in image.spacing]
            columns.append(gaussian_filter(scaled, voxels, mode="nearest"))
            columns.append(gaussian_gradient_magnitude(scaled, voxels, mode="nearest"))
    lines = [np.linspace(-1.0, 1.0, count) if count > 1 else np.zeros(1) for count in shape]
    columns += np.meshgrid(*lines, indexing="ij")
    return np.stack([column.ravel() for column in columns], axis=1).astype(np.float32)


def _scaled(channel: NDArray[np.float64]) -> NDArray[np.float64]:
    low, middle, high = np.quantile(channel, [0.05, 0.5, 0.95])
    return np.asarray((channel - middle) / max((high - low) / 2.0, 1e-12))
