"""The demo's scanners: anatomy in, an MR-like image out, sometimes a bad one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from segqc_conformal.demo.anatomy import TISSUES, Anatomy
from segqc_conformal.demo.geometry import SPACING_MM, Volume
from segqc_conformal.demo.random_field import smooth_field

__all__ = ["FAULTS", "SCANNERS", "Fault", "Scanner", "acquire", "draw_fault"]

FAULTS = ("none", "motion", "noise", "bias", "low_resolution", "cropped")


@dataclass(frozen=True)
class Scanner:
    """How one site's scanner shows tissue.

    Parameters
    ----------
    signal : tuple of float
        Signal of each of `TISSUES`, white matter about 1.
    blur_mm : float
        Standard deviation of the point spread, >= 0.
    noise : float
        Standard deviation of the noise in each channel, in units of signal.
    bias : float
        Standard deviation of the logarithm of the bias field.

    Notes
    -----
    Guarantee: none (a simulation).
    """

    signal: tuple[float, float, float, float, float]
    blur_mm: float
    noise: float
    bias: float


SCANNERS = {
    ("north", "original"): Scanner((1.00, 0.62, 0.18, 0.56, 0.65), 0.5, 0.035, 0.06),
    ("south", "original"): Scanner((1.00, 0.68, 0.30, 0.62, 0.71), 0.7, 0.045, 0.10),
    ("east", "original"): Scanner((1.00, 0.57, 0.12, 0.52, 0.60), 0.6, 0.065, 0.08),
    # After the change: blurred, noisier, and the contrast of "anterior" to "posterior" all but gone
    # or turned round, which the models have never seen: they err, at times without hesitating.
    ("north", "replaced"): Scanner((1.00, 0.62, 0.19, 0.65, 0.57), 1.09, 0.052, 0.103),
    ("south", "replaced"): Scanner((1.00, 0.65, 0.23, 0.67, 0.60), 1.21, 0.049, 0.108),
    ("east", "replaced"): Scanner((1.00, 0.60, 0.16, 0.63, 0.57), 1.11, 0.061, 0.114),
}


@dataclass(frozen=True)
class Fault:
    """What went wrong during one acquisition.

    Parameters
    ----------
    kind : str
        One of `FAULTS`.
    severity : float
        In [0, 1].

    Notes
    -----
    Guarantee: none (a simulation).
    """

    kind: str
    severity: float


def draw_fault(rng: np.random.Generator, severity_scale: float = 1.0) -> Fault:
    """Draw whether and how badly an acquisition goes wrong.

    Parameters
    ----------
    rng : Generator
        Where the randomness comes from.
    severity_scale : float
        Factor >= 0 on the severity of a fault, which stays within [0, 1].

    Returns
    -------
    Fault
        Three in four acquisitions are good.

    Notes
    -----
    Guarantee: none (a simulation).

    Examples
    --------
    >>> draw_fault(np.random.default_rng(1)).kind in FAULTS
    True
    """
    kind = str(rng.choice(FAULTS, p=[0.75, 0.06, 0.06, 0.05, 0.05, 0.03]))
    if kind == "none":
        return Fault(kind, 0.0)
    return Fault(kind, min(1.0, severity_scale * float(rng.beta(1.2, 1.2))))


def acquire(
    anatomy: Anatomy, scanner: Scanner, fault: Fault, rng: np.random.Generator
) -> tuple[Volume, NDArray[np.uint8]]:
    """Image an anatomy.

    Parameters
    ----------
    anatomy : Anatomy
        Tissue shares and label map.
    scanner : Scanner
        Contrast, blur, noise and bias of the site.
    fault : Fault
        What goes wrong this time.
    rng : Generator
        Where noise, bias field and texture come from.

    Returns
    -------
    (image, reference) : ndarray of float32, ndarray of uint8, both ``(*spatial)``
        Signal in arbitrary units, >= 0, and the label map of what lies in the field of view.

    Notes
    -----
    Guarantee: none (a simulation). Noise is Rician: the magnitude of a complex signal with
    independent normal noise in both channels (Gudbjartsson & Patz, Magn Reson Med 34, 1995).

    Examples
    --------
    >>> from segqc_conformal.demo.anatomy import draw_anatomy
    >>> rng = np.random.default_rng(0)
    >>> image, reference = acquire(
    ...     draw_anatomy(rng), SCANNERS["north", "original"], Fault("none", 0.0), rng)
    >>> image.shape == reference.shape, image.min() >= 0
    (True, np.True_)
    """
    severity = {kind: fault.severity if fault.kind == kind else 0.0 for kind in FAULTS}
    shape = anatomy.reference.shape
    signal = np.array(scanner.signal, dtype=np.float32)
    signal *= 1 + 0.02 * rng.standard_normal(len(TISSUES), dtype=np.float32)
    image = np.tensordot(signal, anatomy.tissues, axes=1)
    image *= 1 + 0.03 * smooth_field(rng, shape, (12, 17, 12))
    image = gaussian_filter(image, [scanner.blur_mm / step for step in SPACING_MM], truncate=3.0)
    bias = scanner.bias + 0.5 * severity["bias"]
    image *= np.exp(bias * smooth_field(rng, shape, (4, 4, 4)))
    if fault.kind == "low_resolution":
        image = _thick_slices(image, severity["low_resolution"])
    if fault.kind == "motion":
        image = _moved(image, severity["motion"], rng)
    noise = scanner.noise * float(rng.uniform(0.8, 1.25)) + 0.28 * severity["noise"]
    real, imaginary = noise * rng.standard_normal((2, *shape), dtype=np.float32)
    image = np.hypot(image + real, imaginary)
    reference = anatomy.reference
    if fault.kind == "cropped":
        image, reference = _cropped(image, reference, severity["cropped"], rng)
    return (float(rng.uniform(300, 900)) * image).astype(np.float32), reference


def _thick_slices(image: Volume, severity: float) -> Volume:
    """Average neighbouring slices along z, as a scan with thick slices does."""
    width = (0.8 + 2.6 * severity) * 1.5 / SPACING_MM[2]
    return np.asarray(gaussian_filter(image, [0.4 * width, 0.4 * width, width], truncate=2.5))


def _moved(image: Volume, severity: float, rng: np.random.Generator) -> Volume:
    """Shift the patient during part of the k-space lines: ghosts along the phase direction."""
    lines = np.fft.fft(image, axis=0)
    count = image.shape[0]
    turned = np.asarray(rng.random(count) < 0.15 + 0.45 * severity)
    turned[0] = False
    shift = (1.0 + 5.0 * severity) * rng.choice([-1.0, 1.0])
    phase = np.where(turned, np.exp(-2j * np.pi * np.fft.fftfreq(count) * shift), 1.0)
    return np.abs(np.fft.ifft(lines * phase[:, None, None], axis=0)).astype(np.float32)


def _cropped(
    image: Volume, reference: NDArray[np.uint8], severity: float, rng: np.random.Generator
) -> tuple[Volume, NDArray[np.uint8]]:
    """End the field of view inside one structure; at least a quarter of it stays visible."""
    label = int(rng.choice([1, 2]))
    slices = np.sort(np.nonzero(reference == label)[1])
    # The anterior structure lies at high y and is cut from above, the posterior from below.
    share = 0.1 + 0.65 * severity
    cut = int(np.quantile(slices, 1 - share if label == 1 else share))
    outside = np.arange(image.shape[1]) > cut if label == 1 else np.arange(image.shape[1]) < cut
    image, reference = image.copy(), reference.copy()
    image[:, outside] = 0.0
    reference[:, outside] = 0
    return image, reference
