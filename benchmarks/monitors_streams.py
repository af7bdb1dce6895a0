"""Streams of one number per case, in units of its standard deviation, that change somewhere."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from monitors_replica import Array
from numpy.typing import NDArray

SHIFTS = (0.3, 0.5, 1.0)
WEEK, WEEKEND = 100, 30  # cases a week, and those of its end
SITE_SHIFT = 1.0  # how the other days, or the other site, differ


class Sample(NamedTuple):
    """Runs by row: values of the fit cases, and of the calibration cases followed by the stream."""

    fit: Array
    values: Array
    start: int

    @property
    def bag(self) -> Array:
        """Values of the calibration cases."""
        return self.values[:, : self.start]

    @property
    def stream(self) -> Array:
        """Values of the new cases, in their order."""
        return self.values[:, self.start :]


def shifted(
    rng: np.random.Generator, runs: int, calibration: int, quiet: int, after: int, shift: float
) -> Sample:
    """Normal values, by `shift` larger from the case after `quiet` on."""
    sample = _normal(rng, runs, calibration, quiet + after)
    sample.stream[:, quiet:] += shift
    return sample


def ramp(
    rng: np.random.Generator, runs: int, calibration: int, quiet: int, length: int, after: int
) -> Sample:
    """Normal values that drift by one standard deviation over `length` cases."""
    sample = _normal(rng, runs, calibration, quiet + length + after)
    sample.stream[:, quiet:] += np.minimum(np.arange(1, length + after + 1) / length, 1.0)
    return sample


class SiteSample(NamedTuple):
    """A sample with the site (one of two) of each value."""

    sample: Sample
    sites: NDArray[np.bool_]


def weekdays(rng: np.random.Generator, runs: int, calibration: int, cases: int) -> SiteSample:
    """Weeks that end with other cases, the same in every week; the `site` is the day type.

    The calibration cases come from all days, in a random order.
    """
    sample = _normal(rng, runs, calibration, cases)
    sites = np.empty(sample.values.shape, dtype=bool)
    sites[:, :calibration] = rng.random((runs, calibration)) < WEEKEND / WEEK
    sites[:, calibration:] = np.arange(cases) % WEEK >= WEEK - WEEKEND
    sample.values[sites] += SITE_SHIFT
    return SiteSample(_with_mixed_fit(rng, sample, WEEKEND / WEEK), sites)


def changing_mix(rng: np.random.Generator, runs: int, calibration: int, cases: int) -> SiteSample:
    """Two sites, one standard deviation apart; the second grows from 20 % of cases to 80 %."""
    sample = _normal(rng, runs, calibration, cases)
    share = np.concatenate([np.full(calibration, 0.2), np.linspace(0.2, 0.8, cases)])
    sites = rng.random(sample.values.shape) < share
    sample.values[sites] += SITE_SHIFT
    return SiteSample(_with_mixed_fit(rng, sample, 0.2), sites)


def repeats(
    rng: np.random.Generator, runs: int, calibration: int, patients: int, scans: int
) -> tuple[Sample, Sample]:
    """Patients with several scans in a row that resemble each other (correlation .8).

    Returns
    -------
    all_scans, first_scans : Sample
        The stream with every scan, and with the first of each patient.
    """
    first = _normal(rng, runs, calibration, patients)
    own = rng.normal(0.0, 0.8**0.5, (runs, patients, 1))
    every = own + rng.normal(0.0, 0.2**0.5, (runs, patients, scans))
    first.stream[:] = every[:, :, 0]
    together = np.concatenate([first.bag, every.reshape(runs, -1)], axis=1)
    return Sample(first.fit, together, calibration), first


def _normal(rng: np.random.Generator, runs: int, calibration: int, cases: int) -> Sample:
    fit = rng.normal(size=(runs, calibration))
    return Sample(fit, rng.normal(size=(runs, calibration + cases)), calibration)


def _with_mixed_fit(rng: np.random.Generator, sample: Sample, share: float) -> Sample:
    mixed = sample.fit + SITE_SHIFT * (rng.random(sample.fit.shape) < share)
    return sample._replace(fit=mixed)
