"""Verification of a refined mask, region by region, with a promise about the merged mask."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from segqc_conformal.features.table import feature_columns
from segqc_conformal.patients import first_case_of_each_patient, split_patients
from segqc_conformal.quality.regressor import QualityRegressor
from segqc_conformal.review.calibrated_check import CalibratedRefinementCheck, region_rows
from segqc_conformal.review.harm_grid import harm_grid
from segqc_conformal.review.harm_threshold import HarmThreshold
from segqc_conformal.review.merged_outcome import scored_regions
from segqc_conformal.review.region_table import check_regions

__all__ = ["RefinementCheck", "certified_check", "region_advantage"]


def region_advantage(regions: pd.DataFrame) -> pd.Series:
    """Return by how much each region, accepted alone, is better than left as it is.

    Parameters
    ----------
    regions : DataFrame
        Region table with gains.

    Returns
    -------
    Series of float
        The smallest gain among the structures that the region touches: > 0 if and only if
        accepting it alone raises the Dice of each of them.

    Notes
    -----
    Guarantee: exact, see `region_gains`.

    Examples
    --------
    >>> region_advantage(pd.DataFrame({"judged_as": ["background", "b"], "refined_as": ["a", "a"],
    ...     "gain_added": [0.1, 0.1], "gain_removed": [0.0, -0.2]})).tolist()
    [0.1, -0.2]
    """
    added = regions["gain_added"].where(regions["refined_as"] != "background", np.inf)
    removed = regions["gain_removed"].where(regions["judged_as"] != "background", np.inf)
    return added.where(added < removed, removed)


@dataclass(frozen=True)
class RefinementCheck:
    """Settings of a check that accepts or rejects each region of a refined mask.

    Parameters
    ----------
    promise : HarmThreshold
        Tolerated harm and confidence.
    regressor : QualityRegressor
        Unfitted; learns `region_advantage` of the regions of the fit patients. Default: a linear
        model of it, the expected gain in Dice, so that regions count as much as they matter. With
        thousands of regions to fit, ``QualityRegressor("boosted", support=None)`` certifies more;
        ``QualityRegressor("logistic", support=None, above=0.0)`` gives the probability that a
        region, accepted alone, raises Dice.
    seed : int
        Of the split of patients, and of the choice among cases of one patient.

    Notes
    -----
    Guarantee: that of `HarmThreshold`: of the patients in whom any region is accepted, at most
    alpha get a merged mask in which a structure has a lower Dice than in the judged mask, by more
    than `allowed_fall`.
    It is about one case of a patient (of those with a differing region the first by time; else
    the smallest hash of seed and case id) and one refining tool: tool and model are fixed before
    the calibration patients are seen.
    Source: Xie et al., SESV, IEEE TMI (2020), whose verification network accepts or rejects region
    by region; here any features and any candidate, and a promise.
    """

    promise: HarmThreshold = field(default_factory=HarmThreshold)
    regressor: QualityRegressor = field(
        default_factory=lambda: QualityRegressor("linear", support=None)
    )
    seed: int = 0

    def calibrate(
        self, regions: pd.DataFrame, fit_patients: Iterable[str] | None = None
    ) -> CalibratedRefinementCheck:
        """Fit the region model on some patients, and certify a threshold on the others.

        Parameters
        ----------
        regions : DataFrame
            Region tables of labelled cases, concatenated (`region_table` with a reference), with a
            column ``time`` where patients have several cases.
        fit_patients : iterable of str, optional
            They fit and make the grid; the others calibrate. None: half of the patients, by hash.

        Returns
        -------
        CalibratedRefinementCheck

        Raises
        ------
        InputError
            For a table that is no region table, numbers that are not finite, naming the case,
            fewer than four fit patients, or fit regions that are all better or all worse. "Nothing
            can be certified" is a result, not an error.
        """
        from sklearn.base import clone

        check_regions(regions, labelled=True)
        counted = first_case_of_each_patient(regions, self.seed)
        regions = regions[regions["case_id"].isin(counted)]
        if fit_patients is None:
            fit_patients = split_patients(regions["patient_id"], self.seed)[0]
        fits = regions["patient_id"].isin(list(fit_patients))
        fit, calibration = regions[fits], regions[~fits]
        rows = region_rows(fit, feature_columns(regions))
        model = clone(self.regressor).fit(rows, region_advantage(fit), fit["patient_id"])
        return certified_check(self.promise, model, fit, calibration)


def certified_check(
    promise: HarmThreshold, model: QualityRegressor, fit: pd.DataFrame, calibration: pd.DataFrame
) -> CalibratedRefinementCheck:
    """Certify a threshold of a fitted region model.

    Parameters
    ----------
    promise : HarmThreshold
    model : QualityRegressor
        Fitted on the rows of `fit`, in their order.
    fit, calibration : DataFrame
        Region tables with gains, one case per patient, without a common patient.

    Notes
    -----
    Guarantee: that of `promise`. Several promises on the same calibration patients hold each on
    their own.
    """
    tuning = scored_regions(fit, model.out_of_fold_)
    grid = harm_grid(tuning, calibration["patient_id"].nunique(), promise)
    scores = model.predict(region_rows(calibration, model.features_))
    return CalibratedRefinementCheck(
        promise.calibrate(scored_regions(calibration, scores), grid), model
    )
