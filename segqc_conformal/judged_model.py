"""A deployed model with a gate around it: case in, verdict out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.case import Case
from segqc_conformal.errors import IdentityError, why_failed
from segqc_conformal.features.extractor import (
    AccumulatedCase,
    FeatureExtractor,
    Postprocess,
)
from segqc_conformal.features.saved_maps import save_maps
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.measures.schema import STANDARD, FeatureSchema
from segqc_conformal.whole_case import WHOLE_CASE

if TYPE_CHECKING:
    from segqc_conformal.case_log import CaseLog
    from segqc_conformal.sampling.predictor import Predictor
    from segqc_conformal.sampling.sampler import Sampler

__all__ = ["JudgedModel", "Verdict"]


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the gate says about one case.

    Parameters
    ----------
    case_id : str
    mask : ndarray of int64, shape ``(*spatial)``, or None
        The judged mask; None if the case failed before there was one.
    rows : DataFrame
        Verdict table of the case: one row per structure and, with several, ``whole_case``.
    features : DataFrame
        Feature-table rows of the case.

    Notes
    -----
    Guarantee: that of the gate that judged.
    """

    case_id: str
    mask: NDArray[np.int64] | None
    rows: pd.DataFrame
    features: pd.DataFrame
    _accumulated: AccumulatedCase | None
    _affine: NDArray[np.float64] | None = None

    @property
    def accept(self) -> bool:
        """Whether the whole case may pass without a human."""
        return bool(self._deciding["accept"])

    @property
    def reason(self) -> str:
        """Why, in one word of the verdict table."""
        return str(self._deciding["reason"])

    @property
    def message(self) -> str:
        """Why, in a sentence."""
        return str(self._deciding["message"])

    @property
    def _deciding(self) -> pd.Series:
        whole = self.rows[self.rows["structure"] == WHOLE_CASE]
        return (whole if len(whole) else self.rows).iloc[0]

    def maps(self, names: Iterable[str] | None = None) -> dict[str, NDArray[Any]]:
        """Return the uncertainty maps named (None: all held), made on request.

        Empty if the case failed.

        Notes
        -----
        Guarantee: none; maps show where to look.
        """
        return {} if self._accumulated is None else self._accumulated.uncertainty.maps(names)

    def save_maps(self, folder: str | Path) -> list[Path]:
        """Write the maps and the judged mask as NIfTI, as `save_maps` does; none if it failed."""
        if self._accumulated is None:
            return []
        uncertainty, mask, _ = self._accumulated
        return save_maps(uncertainty, folder, self._affine, mask)


@dataclass(frozen=True, eq=False)
class JudgedModel:
    """A segmentation model wrapped by a gate; the model itself is not changed.

    Parameters
    ----------
    predictor : Predictor or None
        None for samplers that bring their own models or samples.
    sampler : Sampler
    gate : CalibratedGate
        Calibrated for this model, sampler and kind of judged mask.
    structures : mapping of str to int
        Structure name -> label, as in the calibration.
    postprocess : callable, optional
        ``label_map -> label_map``, applied to the fused mask where a case has no deployed mask.
    log : CaseLog, optional
        Where each verdict is recorded.
    schema : FeatureSchema
        Which features are measured, as in the calibration.
    fast : bool
        Use the compiled path of the ``[fast]`` extra; the values are the same.

    Raises
    ------
    IdentityError
        If the gate was calibrated for another model, sampler or set of structures.
    SamplingError
        If the sampler cannot work with the model.

    Notes
    -----
    Guarantee: that of the gate's certificates. A case that fails is referred with its reason; it
    does not raise. Training flags, gradients and random state are left as found.
    """

    predictor: Predictor | None
    sampler: Sampler
    gate: CalibratedGate
    structures: Mapping[str, int]
    postprocess: Postprocess | None = None
    log: CaseLog | None = None
    schema: FeatureSchema = STANDARD
    fast: bool = False

    def __post_init__(self) -> None:
        """Refuse a gate that was calibrated for something else, before the first patient."""
        expected = self.gate.certificate.identity
        extractor = self._extractor
        for column, value in extractor.identity.items():
            if value != expected[column]:
                raise IdentityError(
                    f"{column} {expected[column]}", value, "calibrate a gate for this model"
                )
        if set(extractor.structures) != set(self.gate.structures):
            raise IdentityError(
                f"structures {sorted(self.gate.structures)}",
                sorted(self.structures),
                "name the structures that were calibrated",
            )

    def __call__(self, case: Case) -> Verdict:
        """Judge one case, and record it where there is a log."""
        extractor, accumulated = self._extractor, None
        try:
            accumulated = extractor.accumulate(case)
            rows = extractor.rows(case, accumulated)
        except Exception as error:  # whatever a user's model raises concerns this case only
            rows = extractor.failed_rows(case, why_failed(case.case_id, error))
        features = pd.DataFrame(rows)
        verdicts = self.gate.judge(features)
        if self.log is not None:
            self.log.add(verdicts, features, gate_patients=self.gate.patients)
            self.log.keep_certificate(self.gate.certificate, now=datetime.now(UTC))
        mask = None if accumulated is None else accumulated.mask
        return Verdict(case.case_id, mask, verdicts, features, accumulated, case.affine)

    @cached_property
    def _extractor(self) -> FeatureExtractor:
        return FeatureExtractor(
            self.predictor,
            self.sampler,
            self.structures,
            self.postprocess,
            self.schema,
            self.fast,
        )
