"""Small images of an organ of two parts, each patient's of another shape, with known truth."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

import segqc_conformal as sq

__all__ = ["PARTS", "judged", "organ", "worse"]

PARTS = {"body": 1, "tail": 2}
SIDE = 28


@cache
def organ(number: int) -> sq.Case:
    """Return the case of one patient with its reference mask: tissue, a body and a tail."""
    rng = np.random.default_rng([23, number])
    y, x = (np.indices((SIDE, SIDE)) - (SIDE - 1) / 2) / rng.normal(1.0, 0.07, (2, 1, 1))
    y, x = y + rng.normal(0.0, 0.7), x + rng.normal(0.0, 0.7)
    bend = y + rng.normal(0.0, 0.5) * np.sin(x / 4.0)
    body, tail = (x + 3) ** 2 / 20 + bend**2 / 30 < 1, (x - 5) ** 2 / 25 + bend**2 / 9 < 1
    truth = np.where(body, 1, np.where(tail, 2, 0))
    tissue = (x**2 / 130 + y**2 / 120 < 1) * 0.5
    image = tissue + np.array([0.0, 1.0, 0.6])[truth] + rng.normal(0.0, 0.06, truth.shape)
    return sq.Case(image, f"c{number}", f"p{number}", reference=truth, spacing_mm=(1.0, 1.0))


def worse(truth: NDArray[np.int64], steps: int) -> NDArray[np.int64]:
    """Return a mask that slipped by so many pixels along both axes."""
    return np.roll(truth, (steps, -steps), axis=(0, 1))


def judged(case: sq.Case, mask: NDArray[np.int64]) -> sq.Case:
    """Return the case with a judged mask, and without its reference mask."""
    return sq.Case(case.image, case.case_id, case.patient_id, mask=mask, spacing_mm=case.spacing_mm)
