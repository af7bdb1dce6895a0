"""An RGB array as the bytes of a PNG file, without an imaging library."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["png_bytes"]


def png_bytes(rgb: NDArray[Any]) -> bytes:
    r"""Return an 8-bit RGB image as PNG.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (rows, columns, 3)

    Returns
    -------
    bytes

    Notes
    -----
    Guarantee: none. Source: PNG specification, ISO/IEC 15948, filter 0 on every row.

    Examples
    --------
    >>> png_bytes(np.zeros((2, 3, 3), dtype=np.uint8))[:4]
    b'\x89PNG'
    """
    rows, columns = rgb.shape[:2]
    filtered = np.zeros((rows, 1 + 3 * columns), dtype=np.uint8)
    filtered[:, 1:] = rgb.reshape(rows, 3 * columns)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(filtered.tobytes(), 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum
