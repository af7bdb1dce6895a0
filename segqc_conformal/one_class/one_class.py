"""Settings of a one-class model, and how a feature table becomes a calibrated one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from segqc_conformal.calibrators.bad_cases import at_most_largest
from segqc_conformal.calibrators.checks import check_open_unit
from segqc_conformal.errors import InputError
from segqc_conformal.features.table import one_identity
from segqc_conformal.one_class.calibrated import CalibratedOneClass
from segqc_conformal.one_class.fitted import fit_one_class
from segqc_conformal.one_class.good_rows import good_rows
from segqc_conformal.one_class.methods import METHODS

__all__ = ["OneClass"]


@dataclass(frozen=True)
class OneClass:
    """Settings of a measure of how unlike the good cases a case is, with a p-value.

    Parameters
    ----------
    method : str, default "mahalanobis"
        "mahalanobis" (shrunk covariance), "nearest" (distance to the fifth nearest good case),
        "svm" (one-class support vectors), "forest" (isolation forest), or "value": one feature as
        it is, larger being more unlike.
    features : sequence of str, optional
        Feature columns to read; None: all of the table. Exactly one for "value".
    dice_threshold : float or None, default 0.8
        A row is good if its Dice is above this. None: every row given is good, labelled or not,
        as of cases known to be like those to come.
    false_alarm : float, default 0.05
        Largest probability that a good new case is flagged.
    seed : int, default 0
        Seed of the patient split, of ties between visits and of the forest.

    Notes
    -----
    Guarantee: for a new patient exchangeable with the calibration patients, P(p <= a) <= a given
    that the case is good, for each a, over calibration and new patient together. Over calibrations
    of n good patients, independent and without ties, that probability is Beta(k, n + 1 - k),
    k = floor(a (n + 1)). Nothing is promised of cases that are not good: how many of them are
    flagged is not known before they are. The smallest p-value is 1 / (n + 1): with fewer than
    ``1 / false_alarm - 1`` good calibration patients nothing can be flagged.
    Source: Saalbach et al. (2014), one-class models of shape; Zenk et al., arXiv 2406.03323
    (Mahalanobis); Bates et al., Ann. Stat. 51 (2023) (the p-values). Zou et al. (DEviS, 2025)
    drop cases by their mean vacuity: ``OneClass("value", ["feature_..."], dice_threshold=None)``
    is a reconstruction of that filter, whose own threshold is not public.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> names = [f"c{number}" for number in range(100)]
    >>> table = pd.DataFrame({"case_id": names, "patient_id": names, "structure": "liver",
    ...     "model_id": "m", "sampler_id": "s", "schema_version": "1", "judged": "deployed",
    ...     "feature_volume": rng.normal(size=100), "feature_extent": rng.normal(size=100)})
    >>> calibrated = OneClass(dice_threshold=None).calibrate(table)
    >>> new = table.head(2).assign(case_id=["x", "y"], feature_volume=[0.0, 9.0])
    >>> calibrated.judge(new)["flagged"].tolist()
    [False, True]
    """

    method: str = "mahalanobis"
    features: Sequence[str] | None = None
    dice_threshold: float | None = 0.8
    false_alarm: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.method not in METHODS:
            raise InputError(f"a method among {METHODS}", repr(self.method), "choose one of them")
        if isinstance(self.features, str):
            raise InputError("a list of features", repr(self.features), "put it in a list")
        if self.method == "value" and len(self.features or ()) != 1:
            raise InputError(
                'exactly one feature for method="value"', self.features, "name it in a list"
            )
        check_open_unit(dice_threshold=self.dice_threshold, false_alarm=self.false_alarm)

    def calibrate(
        self, table: pd.DataFrame, fit_patients: Sequence[str] | None = None
    ) -> CalibratedOneClass:
        """Fit on the good cases of some patients, calibrate on those of the others.

        Parameters
        ----------
        table : DataFrame
            Feature table; ``dice`` is read unless `dice_threshold` is None. Unusable, unlabelled
            and bad rows are left out and counted.
        fit_patients : sequence of str, optional
            Patients to fit on; all others calibrate. None: those of whom the column
            ``fit_patient`` says that their labels taught a feature; without it half of the
            patients, by a hash of their id, and none for "value", which fits nothing.

        Returns
        -------
        CalibratedOneClass
            Too few calibration patients do not raise: `promise` and every judged row say then how
            many are needed.

        Raises
        ------
        InputError, IdentityError
            For tables that lack columns, ids or usable rows, mix identities, or hold a corrupted
            case.
        CalibrationError
            If a structure has fewer than 10 good fit patients.

        Notes
        -----
        Guarantee: that of `OneClass`, for each structure and, with several, for the whole case,
        which is good if all its structures are, each on its own.
        """
        rows = good_rows(table, self, fit_patients)
        together = pd.concat([rows.fit, rows.calibration])
        if together.empty:
            raise InputError(
                f"good cases, of Dice above {self.dice_threshold}", "none", "lower dice_threshold"
            )
        structures = sorted(together["structure"].unique())
        fitted = fit_one_class(self.method, rows.features, rows.fit, structures, self.seed)
        scored = fitted.with_nonconformity(rows.calibration)
        calibration = {
            str(name): tuple(sorted(at_most_largest(part["nonconformity"].to_numpy()).tolist()))
            for name, part in scored.groupby("structure")
        }
        return CalibratedOneClass(
            self.false_alarm,
            self.dice_threshold,
            self.seed,
            fitted,
            calibration,
            one_identity(together),
            rows.left_out,
        )
