"""What becomes of each patient's mask when the regions above a threshold are accepted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import finite_array, numbered_patients
from segqc_conformal.review.region_table import GAINS

__all__ = ["ScoredGains", "scored_gains"]

ROUNDING = 1e-9  # a sum of gains so near 0 is 0


class ScoredGains(NamedTuple):
    """Regions of one case per patient: score, patient and gains, all of one length.

    ``added_to`` and ``removed_from`` number pairs of patient and structure; the sums of
    ``gain_added`` and ``gain_removed`` over a pair decide whether its Dice rises.
    """

    scores: NDArray[np.float64]
    patients: NDArray[np.intp]
    added_to: NDArray[np.intp]
    removed_from: NDArray[np.intp]
    gain_added: NDArray[np.float64]
    gain_removed: NDArray[np.float64]
    structures: int

    @property
    def patient_count(self) -> int:
        """Patients with a differing region."""
        return int(self.patients.max(initial=-1)) + 1

    def best_scores(self) -> NDArray[np.float64]:
        """Return the largest score of each patient: where it is accepted, some region is."""
        best = np.full(self.patient_count, -np.inf)
        np.maximum.at(best, self.patients, self.scores)
        return best

    def gains(self, threshold: float) -> NDArray[np.float64]:
        """Return the summed gains of the accepted regions, ``(patients, structures)``.

        Each has the sign of the change of that structure's Dice (`region_gains`).
        """
        taken = self.scores >= threshold
        cells = self.patient_count * self.structures
        total = sum(
            np.bincount(pair[taken], weights=gain[taken], minlength=cells)
            for pair, gain in (
                (self.added_to, self.gain_added),
                (self.removed_from, self.gain_removed),
            )
        )
        found = np.reshape(total, (self.patient_count, self.structures))
        return np.where(np.abs(found) <= ROUNDING, 0.0, found)

    def counts(self, thresholds: NDArray[np.float64]) -> tuple[NDArray[np.int64], ...]:
        """Count, by threshold, patients with an accepted region, and those that are harmed."""
        best = self.best_scores()
        accepted = [np.count_nonzero(best >= threshold) for threshold in thresholds]
        harmed = [
            np.count_nonzero((self.gains(threshold) < 0.0).any(axis=1)) for threshold in thresholds
        ]
        return np.array(accepted, dtype=np.int64), np.array(harmed, dtype=np.int64)


def scored_gains(regions: pd.DataFrame, scores: ArrayLike) -> ScoredGains:
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
    ...     "refined_as": "a", "gain_added": [0.1, -0.3, 0.2], "gain_removed": 0.0})
    >>> found = scored_gains(regions, [0.9, 0.4, 0.6])
    >>> [counted.tolist() for counted in found.counts(np.array([0.7, 0.5, 0.1]))]
    [[1, 2, 2], [0, 0, 1]]
    """
    patients = numbered_patients(regions["patient_id"].to_numpy(), len(regions))
    sides = [regions[side].astype(str) for side in ("refined_as", "judged_as")]
    names = pd.Index(pd.concat(sides).unique())
    added_to, removed_from = (patients * len(names) + names.get_indexer(side) for side in sides)
    added, removed = (regions[name].to_numpy(dtype=np.float64) for name in GAINS)
    checked = finite_array("region score", scores, like=added)
    return ScoredGains(
        checked, patients, added_to, removed_from, added, removed, structures=len(names)
    )
