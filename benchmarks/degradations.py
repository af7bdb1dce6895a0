"""What goes wrong with a scan: seeded degradations of an image, from hardly visible to useless.

The reference mask stays that of the good scan: the patient did not change. Any number of axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

Volume = NDArray[np.float32]


def noise(image: Volume, strength: float, rng: np.random.Generator) -> Volume:
    """Rician noise, as in magnitude MR images."""
    level = (0.1 + 1.3 * strength) * image.std()
    real, imaginary = level * rng.standard_normal((2, *image.shape))
    return np.asarray(np.hypot(image + real, imaginary))


def blur(image: Volume, strength: float, rng: np.random.Generator) -> Volume:
    """Gaussian blur, 0.7 to 4 voxels."""
    return np.asarray(gaussian_filter(image, 0.7 + 3.3 * strength))


def bias_field(image: Volume, strength: float, rng: np.random.Generator) -> Volume:
    """Smooth gain of the coil, from hardly visible to severe."""
    coarse = rng.standard_normal((3,) * image.ndim)
    field = zoom(coarse, [n / 3 for n in image.shape], order=3, mode="nearest", grid_mode=True)
    return np.asarray(image * np.exp((0.15 + 0.6 * strength) * field / field.std()))


def ghosting(image: Volume, strength: float, rng: np.random.Generator) -> Volume:
    """Motion during part of the k-space lines: ghosts along a random axis."""
    axis = int(rng.integers(image.ndim))
    lines = np.moveaxis(np.fft.fft(image, axis=axis), axis, -1)
    moved = rng.random(lines.shape[-1]) < 0.1 + 0.4 * strength
    moved[0] = False  # the mean signal is not a matter of motion
    shift = (1.0 + 7.0 * strength) * rng.choice([-1.0, 1.0])
    lines = lines * np.where(moved, np.exp(-2j * np.pi * np.fft.fftfreq(len(moved)) * shift), 1.0)
    return np.abs(np.fft.ifft(np.moveaxis(lines, -1, axis), axis=axis))


def low_resolution(image: Volume, strength: float, rng: np.random.Generator) -> Volume:
    """Thick slices along a random axis, 2 to 8 voxels, interpolated back to the grid."""
    axis = int(rng.integers(image.ndim))
    thickness = 2.0 + 6.0 * strength
    sigma, factor = [0.0] * image.ndim, [1.0] * image.ndim
    sigma[axis] = thickness / 2.355  # full width at half maximum = slice thickness
    slices = max(2, round(image.shape[axis] / thickness))
    factor[axis] = slices / image.shape[axis]
    thick = zoom(gaussian_filter(image, sigma), factor, order=1, grid_mode=True, mode="nearest")
    back = [n / m for n, m in zip(image.shape, thick.shape, strict=True)]
    return np.asarray(zoom(thick, back, order=1, grid_mode=True, mode="nearest"))


def lost_field_of_view(image: Volume, strength: float, rng: np.random.Generator) -> Volume:
    """A slab at a random side was not scanned: 10 to 40 % of the volume is zero."""
    axis = int(rng.integers(image.ndim))
    out = np.moveaxis(image.copy(), axis, 0)
    lost = round((0.1 + 0.3 * strength) * len(out))
    out[slice(0, lost) if rng.random() < 0.5 else slice(len(out) - lost, None)] = 0.0
    return np.moveaxis(out, 0, axis)


def changed_contrast(image: Volume, strength: float, rng: np.random.Generator) -> Volume:
    """Another sequence: dark tissue becomes bright in part (a tone curve that turns round)."""
    low, high = np.quantile(image, [0.01, 0.99])
    tone = np.clip((image - low) / (high - low), 0.0, 1.0)
    turn = 0.35 + 0.4 * (1.0 - strength)  # tones above this get darker again
    return np.asarray(np.where(tone < turn, tone / turn, 1 - (tone - turn) / (1.2 - turn)))


Degradation = Callable[[Volume, float, np.random.Generator], Volume]
KNOWN: dict[str, Degradation] = {
    "noise": noise,
    "blur": blur,
    "bias_field": bias_field,
    "ghosting": ghosting,
    "low_resolution": low_resolution,
    "lost_field_of_view": lost_field_of_view,
}
OF_MICROSCOPY = ("noise", "blur", "bias_field", "low_resolution", "lost_field_of_view")


def drawn_fault(rng: np.random.Generator, kinds: Sequence[str]) -> tuple[str, float]:
    """Draw a kind and its strength in [0, 1], mild more often than severe."""
    return str(rng.choice(list(kinds))), float(rng.beta(0.9, 1.3))


def degrade(image: Volume, seed: int) -> tuple[Volume, str, float]:
    """Degrade a volume by a random known kind with random strength.

    Returns
    -------
    (image, kind, strength)
        float32; strength in [0, 1], mild more often than severe.
    """
    rng = np.random.default_rng(seed)
    kind, strength = drawn_fault(rng, tuple(KNOWN))
    return KNOWN[kind](image, strength, rng).astype(np.float32), kind, strength


def degrade_tile(tile: Volume, seed: int) -> tuple[Volume, str, float]:
    """Degrade a microscopy tile ``(channels, height, width)``: one fault, the same in each channel.

    Returns
    -------
    (tile, kind, strength)
        As `degrade`; motion ghosts are a fault of MR alone and never drawn.
    """
    kind, strength = drawn_fault(np.random.default_rng(seed), OF_MICROSCOPY)
    channels = [KNOWN[kind](one, strength, np.random.default_rng([seed, 1])) for one in tile]
    return np.stack(channels).astype(np.float32), kind, strength


def change_contrast(image: Volume, seed: int) -> Volume:
    """Change the contrast: a kind that `degrade` never draws."""
    rng = np.random.default_rng(seed)
    return changed_contrast(image, float(rng.uniform(0.05, 0.4)), rng).astype(np.float32)
