"""The certificate of a threshold of regions: what was tested, and what holds of merged masks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.accept_certificate import ThresholdTest
from segqc_conformal.calibrators.checks import finite_array, percent
from segqc_conformal.calibrators.planning import calibration_size, smallest_calibration_size

__all__ = ["HarmCertificate"]


@dataclass(frozen=True)
class HarmCertificate:
    """A calibrated threshold of regions: what `HarmThreshold.calibrate` returns.

    Parameters
    ----------
    tolerated_harm, confidence, allowed_fall : float
        alpha and 1 - delta of the promise, and by how much Dice may fall without harm.
    patients : int
        Calibration patients with a differing region.
    tests : tuple of ThresholdTest
        Thresholds tested, in order, the first failure included: patients with an accepted region,
        and among them those whose merged mask is worse ("bad").
    not_reached : tuple of ThresholdTest
        Not tested: descriptive.
    threshold : float or None
        Accept regions that score >= this; None: nothing can be certified.

    Notes
    -----
    Guarantee: see `promise`; what it assumes stands in `HarmThreshold`.
    """

    tolerated_harm: float
    confidence: float
    allowed_fall: float
    patients: int
    tests: tuple[ThresholdTest, ...]
    not_reached: tuple[ThresholdTest, ...]
    threshold: float | None

    @property
    def certified(self) -> bool:
        """Whether some regions can be accepted."""
        return self.threshold is not None

    def accept(self, scores: ArrayLike) -> NDArray[np.bool_]:
        """Return which regions are accepted: none where nothing is certified.

        Parameters
        ----------
        scores : array_like of float, shape (regions,)

        Notes
        -----
        Guarantee: see `promise`.
        """
        checked = finite_array("region score", scores)
        return np.asarray(checked >= (np.inf if self.threshold is None else self.threshold))

    @cached_property
    def patients_needed(self) -> int | None:
        """Fresh calibration patients for an 80 % chance of a certificate; 0 if certified.

        At the accepted share and harm seen at the most promising threshold, with half a harmed
        patient more than seen; None if no number would do.
        """
        if self.threshold is not None:
            return 0
        if self.patients == 0:
            return calibration_size(1.0, 0.0, self.tolerated_harm, self.confidence)
        seen = [step for step in (*self.tests, *self.not_reached) if step.accepted]
        return smallest_calibration_size(
            [(s.accepted / self.patients, (s.bad + 0.5) / (s.accepted + 1.0)) for s in seen],
            self.tolerated_harm,
            self.confidence,
        )

    @property
    def promise(self) -> str:
        """What holds, in words for a person."""
        more = f", by more than {self.allowed_fall:g}" if self.allowed_fall else ""
        claim = (
            f"of the patients in whom any region is accepted at most {percent(self.tolerated_harm)}"
            " get a merged mask in which a structure has a lower Dice than in the judged mask"
            + more
        )
        if self.threshold is not None:
            return (
                f"With {percent(self.confidence)} confidence in this calibration of "
                f"{self.patients} patients, {claim}, among new patients of the same population."
            )
        needed = self.patients_needed
        outlook = (
            "more patients alone are not expected to change that"
            if needed is None
            else f"about {needed} fresh calibration patients give an 80 % chance, if harm stays "
            "as seen here"
        )
        return (
            f"Cannot certify that {claim}, from {self.patients} calibration patients, so every "
            f"judged mask stays as it is; {outlook}."
        )

    def to_json(self) -> str:
        """Return the certificate as JSON."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> HarmCertificate:
        """Read a certificate written by `to_json`."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> HarmCertificate:
        """Read the parsed JSON of a certificate."""
        steps = {
            name: tuple(ThresholdTest(**step) for step in fields[name])
            for name in ("tests", "not_reached")
        }
        return cls(**{**fields, **steps})
