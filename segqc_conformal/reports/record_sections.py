"""What was left out of a calibration, and the record by which it can be checked."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from segqc_conformal.gate import CalibratedGate
from segqc_conformal.reports.page import Section, folded, number, paragraph, table

__all__ = ["left_out", "record"]


def left_out(gate: CalibratedGate) -> Section:
    """Say which cases did not count, and why."""
    data = gate.certificate.data
    empty = {
        name: (entry.patients_empty, entry.patients_both_empty)
        for name, entry in gate.certificate.structures.items()
    }
    rows: list[tuple[str, object]] = [
        ("patients that fitted the quality predictor", data["patients_fit"]),
        ("patients that calibrated", data["patients_calibration"]),
        ("cases without reference mask", data["cases_unlabelled"]),
        ("cases with a fault", data["cases_faulty"]),
    ]
    if "patients_known_before" in data:
        rows.append(
            (
                "patients left out because they fitted or calibrated an earlier version",
                data["patients_known_before"],
            )
        )
    for name, (predicted, both) in empty.items():
        rows.append(
            (
                f"calibration patients with an empty prediction of {name}",
                f"{predicted} (reference empty too: {both})",
            )
        )
    text = paragraph(
        "One case per patient counts: the first by time. Empty predictions have no interval but "
        "[0, 1]; they count in the accept promise and are never accepted."
    )
    faults = [(case, why) for case, why in data["faults"].items()]
    more = folded(f"Faults, case by case ({len(faults)} shown)", table(("case", "why"), faults))
    return Section(
        "What was left out, and why",
        text + table(("what", "count"), rows) + (more if faults else ""),
    )


def record(gate: CalibratedGate) -> Section:
    """Return identity, settings, hashes, assumptions and lineage, folded."""
    certificate = gate.certificate
    lineage = certificate.lineage
    calibration = {
        "version": gate.id,
        "parent version": lineage["parent"] or "none: the first",
        "calibration table (SHA-256)": certificate.data["calibration_sha256"],
        **{f"{name} (SHA-256)": digest for name, digest in certificate.files.items()},
        "fit patients (pseudonyms kept)": len(lineage["fit_patients"]),
        "calibration patients (pseudonyms kept)": len(lineage["calibration_patients"]),
    }
    quality = certificate.quality
    widths = sorted(quality["choice"].items(), key=lambda pair: pair[1])
    predictor = {
        "logit of Dice": quality["name"],
        "scale": f"(1 - Dice) ** {quality['power']}",
        "moved by, in scales": number(quality["centre"], 2),
        "features": ", ".join(name.removeprefix("feature_") for name in quality["features"]),
    }
    assumptions = "".join(f"<li>{escape(line)}</li>" for line in certificate.assumptions)
    body = (
        folded("Assumptions", f"<ul>{assumptions}</ul>")
        + folded("Version and lineage", _facts(calibration))
        + folded("Model and samples judged", _facts(certificate.identity))
        + folded("Settings", _facts(certificate.settings))
        + folded(
            "Quality predictor",
            _facts(predictor)
            + table(
                ("candidate, scale", "expected width on the fit patients"),
                [(name, number(width, 3)) for name, width in widths],
            ),
        )
        + folded("Libraries", _facts(certificate.libraries))
    )
    return Section("Record", body)


def _facts(facts: Mapping[str, Any]) -> str:
    shown = [(name, "none" if value is None else value) for name, value in facts.items()]
    return table(("what", "value"), shown)
