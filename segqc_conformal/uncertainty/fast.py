"""The accumulator's update in one pass over memory: compiled for this CPU by numba (extra `fast`).

The torch path reads and writes whole volumes once per operation. Here a block of voxels small
enough for the cache goes through all of them. The compiled functions release Python's lock, so
plain threads share the blocks: numba's own threading layers do not survive a fork, and one of
them not even a second caller. Nothing is cached on disk: compiling takes about three seconds once
per process, and an installation that cannot be written to works like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count as numbers
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from segqc_conformal.errors import InputError

__all__ = ["update"]

_BLOCK = 1024  # voxels that stay in the first-level cache
_SHARE = 2**15  # voxels a thread takes at a time
_LOG_2 = 0.6931471805599453

_Floats = NDArray[np.float32]


def update(
    sample: NDArray[np.float32],
    mean: NDArray[np.float32] | NDArray[np.float64] | None,
    spread: NDArray[np.float32] | None,
    logs: NDArray[np.float64] | None,
    expected: NDArray[np.float64] | None,
    bits: NDArray[np.uint8] | None,
    structure_labels: NDArray[np.int64],
    count: int,
) -> None:
    """Take one more sample of exclusive classes into the buffers, in place.

    Parameters
    ----------
    sample : ndarray of float32, shape ``(classes, voxels)``, C-contiguous, in [0, 1]
        Checked before: nothing is checked here.
    mean : ndarray of float32 or float64, shape ``(classes, voxels)``, or None
        Running mean.
    spread : ndarray of float32, shape ``(classes, voxels)``, or None
        Sum of squared deviations from the mean; needs `mean`.
    logs : ndarray of float64, shape ``(classes, voxels)``, or None
        Sum of ``log(max(p, 2**-23))``.
    expected : ndarray of float64, shape ``(voxels,)``, or None
        Sum of ``sum_c p log p`` with ``0 log 0 = 0``, in nats.
    bits : ndarray of uint8, shape ``(structures, voxels)``, or None
        Bit ``count % 8`` is set where the structure's label is the most probable one; of equal
        probabilities the lower label wins.
    structure_labels : ndarray of int64, shape ``(structures,)``
        The label of each row of `bits`.
    count : int
        Samples taken before this one.

    Raises
    ------
    InputError
        If numba is not installed.

    Notes
    -----
    Guarantee: the buffers do not depend on the number of threads, ``torch.get_num_threads()``;
    identical samples leave the mean exactly theirs and the spread exactly 0. Logarithms are wrong
    by less than 1e-7. Source of the moments: Welford, Technometrics 4 (1962) 419-420.

    Examples
    --------
    >>> mean, bits = np.zeros((2, 3), np.float32), np.zeros((1, 3), np.uint8)
    >>> sample = np.array([[0.75, 0.5, 0.0], [0.25, 0.5, 1.0]], np.float32)
    >>> update(sample, mean, None, None, None, bits, np.array([1]), 0)
    >>> mean[1].tolist(), bits[0].tolist()
    ([0.25, 0.5, 1.0], [0, 0, 1])
    """
    kernel = _compiled()
    mean = np.empty((0, 0), np.float32) if mean is None else mean
    weight = mean.dtype.type(1.0 / (count + 1))
    buffers = (
        mean,
        np.empty((0, 0), np.float32) if spread is None else spread,
        np.empty((0, 0), np.float64) if logs is None else logs,
        np.empty(0, np.float64) if expected is None else expected,
        np.empty((0, 0), np.uint8) if bits is None else bits,
    )
    _share_out(
        lambda start, stop: kernel(
            sample, *buffers, structure_labels, weight, count % 8, start, stop
        ),
        sample.shape[1],
    )


def _share_out(work: Callable[[int, int], object], voxels: int) -> None:
    shares = numbers(0, _SHARE)

    def take_shares() -> None:
        while (start := next(shares)) < voxels:
            work(start, min(start + _SHARE, voxels))

    others = min(torch.get_num_threads(), -(-voxels // _SHARE)) - 1
    if others == 0:
        take_shares()
        return
    with ThreadPoolExecutor(others) as pool:
        running = [pool.submit(take_shares) for _ in range(others)]
        take_shares()
        for future in running:
            future.result()


@cache
def _compiled() -> Callable[..., None]:
    try:
        import numba
    except ImportError as error:
        raise InputError(
            "numba, for fast=True",
            str(error),
            "pip install 'segqc-conformal[fast]', or leave fast=True out: the values are the same",
        ) from error
    # "contract" allows fused multiply-add and nothing else: no sum changes its order.
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    kernel = _update_kernel(numba.njit(inline="always", **options))
    compiled: Callable[..., None] = numba.njit(**options)(kernel)
    return compiled


# What follows is compiled. Each loop is plain enough for LLVM to turn into vector instructions:
# rows of one layout, no number wider than its row, and no comparison of floats kept as a float.


def _update_kernel(inlined: Callable[[Any], Any]) -> Callable[..., None]:
    clear, overtake, set_bits = map(inlined, (_clear, _overtake, _set_bits))
    add_mean, add_moments, logarithm = map(inlined, (_add_mean, _add_moments, _logarithm))
    add_logs, add_products, add_total = map(inlined, (_add_logs, _add_products, _add_total))

    def kernel(  # type: ignore[no-untyped-def]
        sample, mean, spread, logs, expected, bits, structure_labels, weight, bit, start, stop
    ):
        fraction, exponent = np.empty(_BLOCK, np.float32), np.empty(_BLOCK, np.float32)
        total = np.empty(_BLOCK, np.float32)
        best, label = np.empty(_BLOCK, np.int32), np.empty(_BLOCK, np.int32)
        for a in range(start, stop, _BLOCK):
            b = min(a + _BLOCK, stop)
            clear(total, best)
            for c in range(sample.shape[0]):
                p = sample[c, a:b]
                if spread.size:
                    add_moments(p, weight, mean[c, a:b], spread[c, a:b])
                elif mean.size:
                    add_mean(p, weight, mean[c, a:b])
                if logs.size or expected.size:
                    logarithm(p, fraction, exponent)
                if logs.size:
                    add_logs(fraction, exponent, logs[c, a:b])
                if expected.size:
                    add_products(p, fraction, exponent, total)
                if bits.size:
                    overtake(p, c, best, label)
            if expected.size:
                add_total(total, expected[a:b])
            for row in range(bits.shape[0]):
                set_bits(label, structure_labels[row], bit, bits[row, a:b])

    return kernel


def _add_mean(p: _Floats, weight: float, mean: Any) -> None:
    for i in range(p.size):
        mean[i] += (p[i] - mean[i]) * weight


def _add_moments(p: _Floats, weight: float, mean: Any, spread: _Floats) -> None:
    for i in range(p.size):
        before = p[i] - mean[i]
        mean[i] += before * weight
        spread[i] += before * (p[i] - mean[i])


def _logarithm(p: _Floats, fraction: _Floats, exponent: _Floats) -> None:
    """Write ``log p = fraction + exponent log 2``; for p < 2**-126 that of 2**-126.

    The scheme and coefficients of ``logf`` in the Cephes library (S. L. Moshier, 1984-1992):
    ``p = (1 + z) 2**exponent``, ``1 + z`` from sqrt(1/2) to sqrt(2), and a polynomial in z.
    """
    bits = p.view(np.int32)
    mantissa = np.empty(_BLOCK, np.int32)
    one_and_z = mantissa.view(np.float32)
    for i in range(p.size):
        shifted = np.int32(max(bits[i], np.int32(0x00800000)) - np.int32(0x3F3504F3))
        exponent[i] = np.float32(np.int32(shifted >> 23))
        mantissa[i] = (shifted & np.int32(0x007FFFFF)) + np.int32(0x3F3504F3)
    for i in range(p.size):
        z = one_and_z[i] - np.float32(1.0)
        y = np.float32(7.0376836292e-2) * z + np.float32(-1.1514610310e-1)
        y = y * z + np.float32(1.1676998740e-1)
        y = y * z + np.float32(-1.2420140846e-1)
        y = y * z + np.float32(1.4249322787e-1)
        y = y * z + np.float32(-1.6668057665e-1)
        y = y * z + np.float32(2.0000714765e-1)
        y = y * z + np.float32(-2.4999993993e-1)
        y = y * z + np.float32(3.3333331174e-1)
        square = z * z
        fraction[i] = z + (y * z * square - np.float32(0.5) * square)


def _add_logs(fraction: _Floats, exponent: _Floats, logs: NDArray[np.float64]) -> None:
    # In float64: a float32 logarithm of 2**-23 is off by up to 1e-6.
    for i in range(logs.size):
        log = np.float64(fraction[i]) + np.float64(exponent[i]) * _LOG_2
        logs[i] += max(log, -23.0 * _LOG_2)


def _add_products(p: _Floats, fraction: _Floats, exponent: _Floats, total: _Floats) -> None:
    for i in range(p.size):
        total[i] += p[i] * (fraction[i] + exponent[i] * np.float32(_LOG_2))


def _add_total(total: _Floats, expected: NDArray[np.float64]) -> None:
    for i in range(expected.size):
        expected[i] += np.float64(total[i])


def _clear(total: _Floats, best: NDArray[np.int32]) -> None:
    for i in range(_BLOCK):
        total[i] = np.float32(0.0)
        best[i] = np.int32(-1)


def _overtake(p: _Floats, c: int, best: NDArray[np.int32], label: NDArray[np.int32]) -> None:
    # Bits of numbers >= 0 are ordered like the numbers, and integers compare in vectors.
    bits = p.view(np.int32)
    for i in range(p.size):
        label[i] = np.int32(c) if bits[i] > best[i] else label[i]
        best[i] = max(best[i], bits[i])


def _set_bits(label: NDArray[np.int32], wanted: int, bit: int, words: NDArray[np.uint8]) -> None:
    value = np.uint8(1 << bit)
    for i in range(words.size):
        words[i] |= value if label[i] == np.int32(wanted) else np.uint8(0)
