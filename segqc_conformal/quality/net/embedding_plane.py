"""Embeddings of cases on the plane in which they differ most."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import InputError

__all__ = ["embedding_plane"]


def embedding_plane(embeddings: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Project embeddings on their two principal components.

    Parameters
    ----------
    embeddings : array_like of float, shape ``(cases, numbers)``
        At least 3 cases and 2 numbers.

    Returns
    -------
    (points, shares) : tuple of ndarray of float64, shapes ``(cases, 2)`` and ``(2,)``
        Where the cases lie, with mean 0, and the share of all variance along each axis. The sign of
        an axis is such that its largest loading is positive.

    Raises
    ------
    InputError
        For fewer cases or numbers.

    Notes
    -----
    Guarantee: none (arithmetic). Each number counts in units of its standard deviation.

    Examples
    --------
    >>> points, shares = embedding_plane([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]])
    >>> points[:, 0].round(3).tolist(), shares.round(3).tolist()
    ([-1.732, 0.0, 1.732], [1.0, 0.0])
    """
    values = np.asarray(embeddings, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] < 3 or values.shape[1] < 2:
        raise InputError(
            "embeddings of at least 3 cases, 2 numbers each", values.shape, "give more cases"
        )
    centred = values - values.mean(axis=0)
    spread = centred.std(axis=0)
    scaled = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)
    _, sizes, axes = np.linalg.svd(scaled, full_matrices=False)
    largest = np.abs(axes[:2]).argmax(axis=1)
    axes = axes[:2] * np.sign(axes[[0, 1], largest])[:, None]
    total = float((sizes**2).sum())
    return scaled @ axes.T, sizes[:2] ** 2 / (total or 1.0)
