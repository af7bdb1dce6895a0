"""One JSON file per case beside the images: verdicts for systems that read files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from segqc_conformal.canonical_json import canonical_json
from segqc_conformal.file_names import safe_file_name
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.mask_file import MaskFile
from segqc_conformal.replaced_file import replaced_at_once
from segqc_conformal.verdict_table import NO_PROMISE
from segqc_conformal.whole_case import WHOLE_CASE

__all__ = ["write_sidecars"]

SIDECAR_SCHEMA = 1
OF_CASE = ["case_id", "patient_id", "site", "time", "model_id", "calibration"]


def write_sidecars(
    gate: CalibratedGate,
    verdicts: pd.DataFrame,
    folder: str | Path,
    masks: Mapping[str, MaskFile] | None = None,
    now: datetime | None = None,
) -> list[Path]:
    """Write ``<case_id>.segqc.json`` for each case of a verdict table, also for those that failed.

    Parameters
    ----------
    gate : CalibratedGate
        What judged: its certificate says what is promised, and the monitors what still holds.
    verdicts : DataFrame
        What ``gate.judge`` returned.
    folder : str or Path
        Made if absent; each file is replaced at once.
    masks : mapping of str to MaskFile, optional
        By case id: the masks that were judged, where they are files.
    now : datetime, optional
        Written as the time of writing; None: the time of the call.

    Returns
    -------
    list of Path
        In the order of the cases. A case id that is no safe file name is replaced by a hash of it.

    Notes
    -----
    The form is that of ``sidecar.schema.json``, which ships with the package. A missing number
    (and an accept score of minus infinity) is null; so is a promise where a verdict has none:
    an empty prediction, a failed case, a referred case (of acceptance), or monitors that suspended
    it.
    Guarantee: none of its own; the promises are those of the certificate.
    """
    folder, masks = Path(folder), masks or {}
    folder.mkdir(parents=True, exist_ok=True)
    moment = (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
    written = []
    for case_id, rows in verdicts.groupby("case_id", sort=False):
        path = folder / f"{safe_file_name(str(case_id))}.segqc.json"
        mask = {"judged": gate.certificate.identity["judged"]}
        if case_id in masks:
            mask |= masks[str(case_id)].facts
        content = _content(gate, rows) | {"mask": mask, "written": moment}
        with replaced_at_once(path) as temporary:
            temporary.write_text(canonical_json(content), encoding="utf-8")
        written.append(path)
    return written


def _content(gate: CalibratedGate, rows: pd.DataFrame) -> dict[str, Any]:
    # pandas writes NaN, NaT and infinities as null, which JSON can hold
    records = json.loads(rows.to_json(orient="records", date_format="iso"))
    standing = [each.words for each in gate.standings if each.covers(rows["site"].iloc[0])]
    standing = [words for words in standing if words]
    return {
        **{name: records[0][name] for name in OF_CASE},
        **_decision(records),
        "verdicts": [_verdict(gate, row, not standing) for row in records],
        "standing": standing,
        "assumptions": list(gate.certificate.assumptions),
        "sidecar_schema": SIDECAR_SCHEMA,
        "software": {"name": "segqc-conformal", "version": version("segqc-conformal")},
    }


def _decision(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what is decided of the case: by its row "whole_case", else by the first refused."""
    whole = [row for row in records if row["structure"] == WHOLE_CASE] or records
    deciding = next((row for row in whole if not row["accept"]), whole[0])
    return {name: deciding[name] for name in ("accept", "reason", "message")}


def _verdict(gate: CalibratedGate, row: dict[str, Any], holds: bool) -> dict[str, Any]:
    fields = {name: value for name, value in row.items() if name not in OF_CASE}
    certificate = gate.certificate.structures.get(row["structure"])
    promised = holds and certificate is not None and row["reason"] not in NO_PROMISE
    fields["promises"] = {
        "interval": certificate.interval.promise if promised and certificate else None,
        "accept": certificate.accept.promise
        if promised and certificate and row["accept"]
        else None,
    }
    return fields
