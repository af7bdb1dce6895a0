"""The certificate of a gate: every promise, number, assumption and hash, frozen as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from segqc_conformal.calibrators.accept_certificate import AcceptCertificate
from segqc_conformal.calibrators.accept_groups import GroupedAcceptCertificate
from segqc_conformal.calibrators.checks import percent
from segqc_conformal.calibrators.cross_certificate import CrossConformalCertificate
from segqc_conformal.calibrators.interval_certificate import IntervalCertificate
from segqc_conformal.calibrators.usefulness import Usefulness
from segqc_conformal.canonical_json import canonical_json, sha256_hex
from segqc_conformal.errors import FileFormatError

__all__ = ["NEW_PATIENTS", "GateCertificate", "StructureCertificate"]

CERTIFICATE_SCHEMA = 4
NEW_PATIENTS = "new_patients"  # in the lineage: towards whom a version without new labels weighs
ASSUMPTIONS = (
    "New patients are exchangeable with the calibration patients (same population, scanners, "
    "model and post-processing); accept and PAC promises take them as independent draws of one "
    "population. The monitors watch for the end of this.",
    "No calibration patient trained or tuned the segmentation model.",
    "One case per patient calibrates: the first by time, ties by a hash of the case id. The "
    "promise is about a patient's first case; later visits get verdicts of the same form.",
    "The quality predictor, its choice and the grid of accept thresholds saw no calibration label.",
    'Each certificate holds with its own confidence. With family "all" the accept promises hold '
    "together with the confidence asked for, and so do the PAC intervals; else none hold jointly.",
    "Where many looks were declared, the size of each is fixed beforehand or by a calendar, not by "
    "labels seen.",
    "An empty predicted structure (feature_volume_ml = 0) is never accepted and gets the interval "
    "[0, 1]; the interval's promise is about the other cases.",
)

CROSS_CONFORMAL = (
    "Cross-conformal: the interval's models and errors come from the labels of the same patients, "
    "each error from a model fitted without its patient; one fixed kind of model was used, chosen "
    "by no label. What is said above of calibration patients is about these."
)


@dataclass(frozen=True)
class StructureCertificate:
    """What is promised about one structure, or about the whole case.

    Parameters
    ----------
    interval : IntervalCertificate or CrossConformalCertificate
        The latter, without its models, where 20 to 39 labelled patients fit and calibrate.
    accept : AcceptCertificate or GroupedAcceptCertificate
        Its tests, and those not reached, are the grid, fixed beforehand, in test order.
    certify_chances : dict of str to float
        P(certify) by group ("all" without groups), estimated on the fit patients before calibration
        labels were looked at; empty for a recalibration, whose population is another one.
    usefulness : Usefulness
        Whether the predicted Dice says anything, on the calibration patients.
    patients_empty, patients_both_empty : int
        Calibration patients whose prediction is empty, and those whose reference is empty too.

    Notes
    -----
    Guarantee: those of its two certificates, each on its own.
    """

    interval: IntervalCertificate | CrossConformalCertificate
    accept: AcceptCertificate | GroupedAcceptCertificate
    certify_chances: dict[str, float]
    usefulness: Usefulness
    patients_empty: int
    patients_both_empty: int

    @property
    def warning(self) -> str:
        """What every verdict of this structure should say besides; empty where nothing."""
        found = self.usefulness
        return "" if found.informative or found.patients == 0 else found.in_words

    @property
    def threshold(self) -> float | None:
        """The accept threshold of all patients; None: there is none, or one for each group."""
        if isinstance(self.accept, GroupedAcceptCertificate):
            return None
        return self.accept.threshold

    def quantile_of(self, group: str) -> float | None:
        """Return the calibrated nonconformity of a group ("all" without groups), None if none."""
        if isinstance(self.interval, CrossConformalCertificate):
            return None
        return self.interval.quantile_of(group)

    def patients_of_group(self, group: str) -> int:
        """Return how many calibration patients a group has; 0 without groups."""
        if isinstance(self.accept, GroupedAcceptCertificate):
            return self.accept.patients.get(group, 0)
        return 0


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
        Parent version, number of the look, and hashed ids of fit and calibration patients.
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

    @property
    def reweighted(self) -> bool:
        """Whether earlier calibration patients were only weighted: no label was looked at anew."""
        return NEW_PATIENTS in self.lineage

    @property
    def spent(self) -> str:
        """What this calibration spent of the error probability of its promises, in words."""
        spent, look = self.lineage["spent"], self.lineage["look"]
        if not spent["accept_promises"]:
            return "Spent: nothing; no patient calibrated an accept promise."
        alone = "hold together" if self.settings["family"] == "all" else "each hold on their own"
        looks = ""
        if look > 1:
            looks = f", after {look} looks {percent(round(spent['delta_of_each_so_far'], 6))} each"
        intervals = ""
        if spent["pac_intervals"]:
            each = percent(round(spent["delta_of_each_interval"], 6))
            intervals = f", and {each} on each of {spent['pac_intervals']} PAC intervals"
        return (
            f"Spent: {percent(round(spent['delta_of_each'], 6))} of error probability on each of "
            f"{spent['accept_promises']} accept promises{looks}{intervals}; they {alone}."
        )

    @property
    def spent_by_kind(self) -> dict[str, float]:
        """Bounds on the probability that a promise of a kind was certified wrongly, by kind."""
        spent, look = self.lineage["spent"], self.lineage["look"]
        accept, pac = spent["accept_promises"], spent["pac_intervals"]
        found = {}
        if accept:
            found[f"{accept} accept promises, look {look}"] = accept * spent["delta_of_each"]
        if pac:
            found[f"{pac} PAC intervals"] = pac * spent["delta_of_each_interval"]
        return found

    def to_json(self) -> str:
        """Return the canonical JSON, with each promise in words beside its numbers."""
        fields = asdict(self)
        for name, structure in self.structures.items():
            fields["structures"][name]["interval"].pop("models", None)
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
    kind = GroupedAcceptCertificate if "own" in accept else AcceptCertificate
    return StructureCertificate(
        interval=_interval(interval),
        accept=kind.from_dict(accept),
        usefulness=Usefulness(**entry.pop("usefulness")),
        **entry,
    )


def _interval(fields: dict[str, Any]) -> IntervalCertificate | CrossConformalCertificate:
    kind = CrossConformalCertificate if "method" in fields else IntervalCertificate
    return kind.from_dict(fields)
