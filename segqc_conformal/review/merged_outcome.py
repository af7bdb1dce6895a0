"""What becomes of each patient's mask when the regions above a threshold are accepted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import finite_array, numbered_patients

__all__ = ["ScoredRegions", "scored_regions"]

ROUNDING = 1e-9  # a change of Dice so near 0 is 0
SIDES = ("added", "removed")


class ScoredRegions(NamedTuple):
    """Labelled regions, one case per patient: arrays of length regions, or 2 x regions.

    ``pairs`` numbers patient and structure, first of the side that gets the region, then of the
    side that loses it; ``gains`` and ``shares`` are theirs (`region_gains`).
    """

    scores: NDArray[np.float64]
    patients: NDArray[np.intp]
    pairs: NDArray[np.intp]
    gains: NDArray[np.float64]
    shares: NDArray[np.float64]
    names: tuple[str, ...]

    @property
    def patient_count(self) -> int:
        """Patients with a differing region."""
        return int(self.patients.max(initial=-1)) + 1

    def accepted(self, threshold: float) -> NDArray[np.bool_]:
        """Return in which patients some region is accepted."""
        taken = np.bincount(self.patients[self.scores >= threshold], minlength=self.patient_count)
        return np.asarray(taken > 0)

    def changes(self, threshold: float) -> NDArray[np.float64]:
        """Return the change of Dice by the accepted regions, ``(patients, names)``, exactly."""
        taken = np.tile(self.scores >= threshold, 2)
        gain, share = (
            np.bincount(
                self.pairs[taken],
                weights=values[taken],
                minlength=self.patient_count * len(self.names),
            ).reshape(self.patient_count, len(self.names))
            for values in (self.gains, self.shares)
        )
        left = 1.0 + share
        gone = left <= ROUNDING  # nothing is left of both masks: Dice is 1 instead of 0
        changed = np.where(gone, 1.0, gain / np.where(gone, 1.0, left))
        return np.where(np.abs(changed) <= ROUNDING, 0.0, changed)

    def counts(
        self, thresholds: NDArray[np.float64], allowed_fall: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Count, by threshold, patients with an accepted region, and the harmed ones among them."""
        accepted = [np.count_nonzero(self.accepted(threshold)) for threshold in thresholds]
        harmed = [
            np.count_nonzero(self.changes(threshold).min(axis=1, initial=0.0) < -allowed_fall)
            for threshold in thresholds
        ]
        return np.array(accepted, dtype=np.int64), np.array(harmed, dtype=np.int64)


def scored_regions(regions: pd.DataFrame, scores: ArrayLike) -> ScoredRegions:
    """Bring labelled regions and their scores into the form that is counted.

    Parameters
    ----------
    regions : DataFrame
        Region table with gains, one case per patient.
    scores : array_like of float, shape (regions,)
        Higher is better; -inf: never accepted.

    Raises
    ------
    InputError
        For NaN, missing patients, or unequal lengths.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> regions = pd.DataFrame({"patient_id": ["p", "p", "q"], "judged_as": "background",
    ...     "refined_as": "a", "gain_added": [0.1, -0.3, 0.2], "gain_removed": 0.0,
    ...     "share_added": 0.25, "share_removed": 0.0})
    >>> found = scored_regions(regions, [0.9, 0.4, 0.6])
    >>> [counted.tolist() for counted in found.counts(np.array([0.7, 0.5, 0.1]), 0.0)]
    [[1, 2, 2], [0, 0, 1]]
    """
    patients = numbered_patients(regions["patient_id"].to_numpy(), len(regions))
    sides = pd.concat([regions["refined_as"], regions["judged_as"]]).astype(str)
    structures, names = pd.factorize(sides)
    gains, shares = (
        np.concatenate([regions[f"{kind}_{side}"].to_numpy(np.float64) for side in SIDES])
        for kind in ("gain", "share")
    )
    return ScoredRegions(
        scores=finite_array("region score", scores, like=gains[: len(regions)]),
        patients=patients,
        pairs=np.tile(patients, 2) * len(names) + structures,
        gains=gains,
        shares=shares,
        names=tuple(names),
    )
