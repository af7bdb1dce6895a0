"""Which regions of a refined mask may be merged, with a bounded share of patients worse off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from segqc_conformal.calibrators.accept_certificate import ThresholdTest
from segqc_conformal.calibrators.checks import LARGEST, check_open_unit, delta_of, finite_array
from segqc_conformal.calibrators.fixed_sequence import sequence_levels
from segqc_conformal.calibrators.p_values import binomial_p_value
from segqc_conformal.errors import InputError
from segqc_conformal.review.harm_certificate import HarmCertificate
from segqc_conformal.review.merged_outcome import ScoredRegions

__all__ = ["HarmThreshold"]


@dataclass(frozen=True)
class HarmThreshold:
    """Settings of a certified threshold of regions.

    Parameters
    ----------
    tolerated_harm : float, default 0.1
        alpha in (0, 1): allowed share of patients whose merged mask is worse, of those in whom any
        region is accepted.
    confidence : float, default 0.9
        1 - delta in (0, 1), over the calibration draw.
    allowed_fall : float, default 0.0
        In [0, 1): a merged mask is worse if the Dice of a structure is lower than in the judged
        mask by more than this. A difference that two readers would show as well is no harm.

    Notes
    -----
    Guarantee: with probability >= 1 - delta over the calibration draw, P(the Dice of some structure
    is lower in the merged than in the judged mask, by more than `allowed_fall`, given that any
    region is accepted) <= alpha, or nothing is accepted. Assumes independent, identically
    distributed patients, one case each, and scores and grid made without calibration labels.
    Proof. Fix a threshold. Whether any region of a patient is accepted (A), and whether the merged
    mask is then worse (B), are functions of that patient's regions alone, so the pairs (A, B) are
    independent between patients and identically distributed, however the regions of a patient
    depend on each other. Given that N patients have A, those with B among them are binomial of N
    and P(B given A). So the exact binomial p-value is super-uniform where that risk is >= alpha.
    The thresholds are tested in an order fixed beforehand, each at delta, until one fails: a wrong
    certificate needs the first one with risk > alpha to pass, which has probability <= delta.
    The risk need not grow as the threshold falls: the gains of more regions may make up for each
    other. Counting regions instead of patients would have no such proof.
    Not promised: any single region, the size of a loss, or that the mean Dice rises.
    Source: Angelopoulos et al., Learn then Test, Ann. Appl. Stat. 19 (2025), as in
    `AcceptThreshold`; `region_gains` says when a merged mask is worse.

    Examples
    --------
    >>> import pandas as pd
    >>> from segqc_conformal.review.merged_outcome import scored_regions
    >>> regions = pd.DataFrame({"patient_id": [f"p{i}" for i in range(60)],
    ...     "judged_as": "background", "refined_as": "a", "share_added": 0.1, "share_removed": 0.0,
    ...     "gain_added": np.where(np.arange(60) < 36, 0.1, -0.1), "gain_removed": 0.0})
    >>> scored = scored_regions(regions, np.arange(60, 0, -1))
    >>> HarmThreshold().calibrate(scored, grid=[35, 30, 20]).threshold
    30.0
    """

    tolerated_harm: float = 0.1
    confidence: float = 0.9
    allowed_fall: float = 0.0

    def __post_init__(self) -> None:
        """Check the settings."""
        check_open_unit(tolerated_harm=self.tolerated_harm, confidence=self.confidence)
        if not 0.0 <= self.allowed_fall < 1.0:
            raise InputError("allowed_fall in [0, 1)", self.allowed_fall, "give it as Dice")

    def calibrate(self, regions: ScoredRegions, grid: ArrayLike) -> HarmCertificate:
        """Test the thresholds of `grid` in order until one fails.

        Parameters
        ----------
        regions : ScoredRegions
            Of the calibration patients (`scored_regions`).
        grid : array_like of float, shape (thresholds,)
            In test order, strict to loose, made without calibration labels (`harm_grid`).

        Returns
        -------
        HarmCertificate

        Raises
        ------
        InputError
            For thresholds that are not finite. "Nothing can be certified" is a result, not an
            error.
        """
        thresholds = finite_array("grid", grid, low=-LARGEST, high=LARGEST)
        accepted, harmed = regions.counts(thresholds, self.allowed_fall)
        p_values = binomial_p_value(harmed, accepted, self.tolerated_harm)
        levels = sequence_levels(p_values, delta_of(self.confidence))
        steps = [
            ThresholdTest(float(t), int(n), int(k), float(p))
            for t, n, k, p in zip(thresholds, accepted, harmed, p_values, strict=True)
        ]
        reached = int(np.count_nonzero(levels > 0.0))
        passed = thresholds[(levels > 0.0) & (p_values <= levels)]
        return HarmCertificate(
            tolerated_harm=self.tolerated_harm,
            confidence=self.confidence,
            allowed_fall=self.allowed_fall,
            patients=regions.patient_count,
            tests=tuple(steps[:reached]),
            not_reached=tuple(steps[reached:]),
            threshold=float(passed[-1]) if passed.size else None,
        )
