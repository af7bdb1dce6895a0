"""The certificate of a gate: every promise, number, assumption and hash, frozen as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from segqc_conformal.calibrators.accept import AcceptCertificate
from segqc_conformal.calibrators.interval import IntervalCertificate
from segqc_conformal.canonical_json import canonical_json, sha256_hex
from segqc_conformal.errors import FileFormatError

__all__ = ["GateCertificate", "StructureCertificate"]

CERTIFICATE_SCHEMA = 2
ASSUMPTIONS = (
    "New patients are exchangeable with the calibration patients (same population, scanners, "
    "model and post-processing); accept and PAC promises take them as independent draws of one "
    "population. The monitors watch for the end of this.",
    "No calibration patient trained or tuned the segmentation model.",
    "One case per patient calibrates: the first by time, ties by a hash of the case id. The "
    "promise is about a patient's first case; later visits get verdicts of the same form.",
    "The quality predictor, its choice and the grid of accept thresholds saw no calibration label.",
    "Each certificate holds with its own confidence; they do not hold jointly.",
    "An empty predicted structure (feature_volume_ml = 0) is never accepted and gets the interval "
    "[0, 1]; the interval's promise is about the other cases.",
)


@dataclass(frozen=True)
class StructureCertificate:
    """What is promised about one structure, or about the whole case.

    Parameters
    ----------
    interval : IntervalCertificate
    accept : AcceptCertificate
    certify_chance : float or None
        P(certify) estimated on the fit patients, before calibration labels were looked at; None
        for a recalibration, whose population is not that of the fit patients.
    grid : tuple of float
        Accept thresholds in test order, fixed beforehand.
    patients_empty, patients_both_empty : int
        Calibration patients whose prediction is empty, and those whose reference is empty too.

    Notes
    -----
    Guarantee: those of its two certificates, each on its own.
    """

    interval: IntervalCertificate
    accept: AcceptCertificate
    certify_chance: float | None
    grid: tuple[float, ...]
    patients_empty: int
    patients_both_empty: int


@dataclass(frozen=True)
class GateCertificate:
    """Everything a calibration fixed; its canonical JSON is hashed to the version's id.

    Parameters
    ----------
    identity : dict
        ``model_id, sampler_id, schema_version, judged`` that may be judged.
    settings : dict
        The settings of the `QualityGate`.
    structures : dict of str to StructureCertificate
        By structure; with several structures also ``whole_case``.
    quality : dict
        Chosen predictor, its features, scale and the widths that decided.
    data : dict
        Hash and counts of the calibration table, and what was left out and why.
    lineage : dict
        Parent version, and hashed ids of fit and calibration patients.
    files : dict
        SHA-256 of each other file of the version.
    libraries : dict
        Versions that computed it.

    Notes
    -----
    Guarantee: those of its structures; they hold under `assumptions`.
    """

    identity: dict[str, str]
    settings: dict[str, Any]
    structures: dict[str, StructureCertificate]
    quality: dict[str, Any]
    data: dict[str, Any]
    lineage: dict[str, Any]
    files: dict[str, str]
    libraries: dict[str, str]
    assumptions: tuple[str, ...] = ASSUMPTIONS
    certificate_schema: int = CERTIFICATE_SCHEMA

    @property
    def id(self) -> str:
        """SHA-256 of the canonical JSON: the name of the version."""
        return sha256_hex(self.to_json().encode())

    def to_json(self) -> str:
        """Return the canonical JSON, with each promise in words beside its numbers."""
        fields = asdict(self)
        for name, structure in self.structures.items():
            fields["structures"][name]["interval"]["promise"] = structure.interval.promise
            fields["structures"][name]["accept"]["promise"] = structure.accept.promise
        return canonical_json(fields)

    @classmethod
    def from_json(cls, text: str) -> GateCertificate:
        """Read a certificate written by `to_json`."""
        fields = json.loads(text)
        if fields.get("certificate_schema") != CERTIFICATE_SCHEMA:
            raise FileFormatError(
                f"a certificate of schema {CERTIFICATE_SCHEMA}",
                fields.get("certificate_schema"),
                "use the version of this package that wrote it, or calibrate again",
            )
        fields["structures"] = {
            name: _structure(entry) for name, entry in fields["structures"].items()
        }
        fields["assumptions"] = tuple(fields["assumptions"])
        return cls(**fields)


def _structure(entry: dict[str, Any]) -> StructureCertificate:
    interval, accept = entry.pop("interval"), entry.pop("accept")
    del interval["promise"], accept["promise"]
    return StructureCertificate(
        interval=IntervalCertificate.from_dict(interval),
        accept=AcceptCertificate.from_dict(accept),
        grid=tuple(entry.pop("grid")),
        **entry,
    )
