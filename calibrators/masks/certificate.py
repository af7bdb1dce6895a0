"""A certified mask threshold and what it promises."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.calibrators.checks import delta_of, percent
from segqc_conformal.calibrators.masks.curve import at_least, check_probabilities
from segqc_conformal.calibrators.masks.risk_test import fewest_patients_to_certify
from segqc_conformal.calibrators.masks.search import fewest_patients_for_crc

__all__ = ["CRC", "MaskCertificate", "MaskTest"]

CRC = "conformal risk control"


@dataclass(frozen=True)
class MaskTest:
    """One threshold of an FDR grid: mean loss of the calibration patients, and its p-value."""

    threshold: float
    mean_loss: float | None
    p_value: float


@dataclass(frozen=True)
class MaskCertificate:
    """A calibrated mask threshold: what `MaskThreshold.calibrate` returns.

    Parameters
    ----------
    structure : str
        The structure whose probabilities it cuts.
    risk : {"fnr", "fdr"}
        What is bounded.
    tolerated : float
        alpha of the promise.
    confidence : float or None
        1 - delta; None: the promise is about the expectation.
    covered_share : float or None
        Where connected parts are counted, the share below which a part is missed.
    method : str
        "conformal risk control" or the name of the p-value.
    patients : int
        Calibration patients counted.
    threshold : float or None
        Keep voxels with probability >= this; None: nothing can be certified.
    mean_loss : float or None
        Mean loss of the calibration patients there: descriptive.
    tests : tuple of MaskTest
        FDR with confidence: the thresholds tested, in order, the first failure included.
    empty_references : int
        FNR: calibration patients without the structure, who miss nothing and count as 0.
    empty_masks : int
        FDR: calibration masks that are empty at the threshold, mark nothing and count as 0.
    """

    structure: str
    risk: str
    tolerated: float
    confidence: float | None
    covered_share: float | None
    method: str
    patients: int
    threshold: float | None
    mean_loss: float | None
    tests: tuple[MaskTest, ...] = ()
    empty_references: int = 0
    empty_masks: int = 0

    def mask(self, probabilities: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Return the mask of a new case.

        Parameters
        ----------
        probabilities : ndarray of float16, float32 or float64, shape ``(*spatial)``
            Of this structure, made as those of the calibration cases were.

        Returns
        -------
        ndarray of bool, shape ``(*spatial)``
            Where `threshold` is None the safe extreme: every voxel for the FNR, none for the FDR.

        Notes
        -----
        Guarantee: see `promise`.
        """
        check_probabilities(probabilities)
        if self.threshold is None:
            return np.full(probabilities.shape, self.risk == "fnr")
        return at_least(probabilities, self.threshold)

    @property
    def fewest_patients(self) -> int:
        """Calibration patients without which nothing can ever be certified."""
        if self.confidence is None:
            return fewest_patients_for_crc(self.tolerated)
        return fewest_patients_to_certify(self.method, self.tolerated, delta_of(self.confidence))

    @property
    def promise(self) -> str:
        """What holds, in words for a person."""
        if self.threshold is None:
            extreme = "every voxel is marked" if self.risk == "fnr" else "the mask is left empty"
            return (
                f"Cannot certify from {self._data} that {self._claim('patients')} "
                f"(fewer than {self.fewest_patients} never can): {extreme}, which always holds "
                "and says nothing."
            )
        if self.confidence is None:
            return (
                f"Where patients are exchangeable with the {self._data}, "
                f"{self._claim('calibrations and patients')}; a single mask may be worse."
                f"{self._extremes}"
            )
        return (
            f"With {percent(self.confidence)} confidence in this calibration on {self._data}, "
            f"{self._claim('new patients of the same population')}; a single mask may be worse."
            f"{self._extremes}"
        )

    @property
    def _extremes(self) -> str:
        if self.risk == "fdr":
            return (
                f" {self.empty_masks} of {self.patients} calibration masks are empty there, "
                "counted as 0, as those of new patients are."
            )
        return " The threshold is 0: every voxel is marked." if self.threshold == 0.0 else ""

    @property
    def _data(self) -> str:
        empty = ""
        if self.empty_references:
            empty = f" ({self.empty_references} of them without {self.structure}, counted as 0)"
        return f"{self.patients} calibration patients{empty}"

    def _claim(self, over: str) -> str:
        average, share = f"on average over {over}", f"at most {percent(self.tolerated)}"
        if self.risk == "fdr":
            return (
                f"{average} {share} of the voxels of the {self.structure} mask lie outside the "
                "reference"
            )
        if self.covered_share is None:
            return f"{average} the mask misses {share} of the {self.structure} reference voxels"
        return (
            f"{average} the mask misses {share} of the connected {self.structure} parts of the "
            f"reference (covers less than {percent(self.covered_share)} of them)"
        )

    def to_json(self) -> str:
        """Return the certificate as JSON."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> MaskCertificate:
        """Read a certificate written by `to_json`."""
        fields = json.loads(text)
        return cls(**{**fields, "tests": tuple(MaskTest(**test) for test in fields["tests"])})
