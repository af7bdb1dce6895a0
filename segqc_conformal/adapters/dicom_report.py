"""The verdict of a case as DICOM SR: a measurement report of template TID 1500."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from highdicom import sr
from pydicom import Dataset, dcmread
from pydicom.sr.codedict import codes

from segqc_conformal.adapters.dicom_codes import (
    MEANINGS,
    NAME,
    VERSION,
    equipment,
    private_code,
    source_headers,
    stable_uid,
    write_once,
)
from segqc_conformal.certificate import GateCertificate
from segqc_conformal.errors import InputError
from segqc_conformal.verdict_table import NO_PROMISE

__all__ = ["write_report"]

_NUMBERS = ("predicted_dice", "dice_low", "dice_high")
_SHORT = {"promise_suspended": "suspended"}  # a code value has at most 16 characters


def write_report(
    path: str | Path,
    verdicts: pd.DataFrame,
    certificate: GateCertificate,
    series: str | Path,
    *,
    regions: str | Path | None = None,
    now: datetime | None = None,
) -> Path:
    """Write the verdict rows of one case as DICOM SR.

    Parameters
    ----------
    path : path
        Folders above it are made.
    verdicts : DataFrame
        Verdict table of one case.
    certificate : GateCertificate
        Of the gate that judged: its promises are in the report, in words.
    series : path
        The DICOM series of the case: patient, study and referenced images are taken from it.
    regions : path, optional
        A SEG of regions to look at, written by `write_regions` for this series.
    now : datetime, optional
        The date and time of the content.

    Returns
    -------
    Path

    Raises
    ------
    FileFormatError, InputError
        If the series cannot be read, the rows are of several cases or of another calibration, or
        a reason is none of the verdict table's.

    Notes
    -----
    One measurement group for each structure and for ``whole_case``, and one for each region. The
    report is complete, preliminary and unverified: no human has seen it. The UIDs are functions of
    series, verdicts, calibration and regions: writing the same again leaves the file as it is.
    Guarantee: that of the certificate.
    """
    case_id = _checked_case(verdicts, certificate)
    headers = source_headers(series, case_id)
    segmentation = None if regions is None else dcmread(regions)
    said = verdicts.to_json(orient="records", date_format="iso")
    shown = [] if segmentation is None else [str(segmentation.SOPInstanceUID)]
    words = ("report", str(headers[0].SeriesInstanceUID))
    uid = stable_uid(*words, VERSION, said, *shown)

    def make() -> sr.ComprehensiveSR:
        groups: list[Any] = [
            _structure_group(row, certificate, [] if at else headers, words)
            for at, row in enumerate(verdicts.to_dict("records"))
        ]
        if segmentation is not None:
            groups += _region_groups(segmentation, headers[0])
        evidence = [*headers, *([] if segmentation is None else [segmentation])]
        facts = equipment(now or datetime.now())
        return sr.ComprehensiveSR(
            evidence,
            sr.MeasurementReport(
                sr.ObservationContext(observer_device_context=_observer()),
                procedure_reported=codes.SCT.ImagingProcedure,
                imaging_measurements=groups,
            ),
            series_instance_uid=stable_uid(*words),
            series_number=9002,
            sop_instance_uid=uid,
            instance_number=1,
            series_description="Segmentation quality",
            is_complete=True,
            **facts,
        )

    write_once(Path(path), uid, make)
    return Path(path)


def _checked_case(verdicts: pd.DataFrame, certificate: GateCertificate) -> str:
    cases, calibrations = verdicts["case_id"].unique(), verdicts["calibration"].unique()
    reasons = {_SHORT.get(reason, reason) for reason in verdicts["reason"]}
    if len(cases) != 1 or list(calibrations) != [certificate.id] or not reasons <= set(MEANINGS):
        raise InputError(
            f"verdict rows of one case, by calibration {certificate.id[:12]}",
            f"cases {cases[:3].tolist()}, calibrations {[str(c)[:12] for c in calibrations[:3]]}, "
            f"reasons {sorted(reasons)}",
            "give the rows that this gate wrote for the case",
        )
    return str(cases[0])


def _observer() -> sr.ObserverContext:
    return sr.ObserverContext(
        codes.DCM.Device,
        sr.DeviceObserverIdentifyingAttributes(
            uid=stable_uid("device", VERSION), name=NAME, manufacturer_name=NAME, model_name=NAME
        ),
    )


def _algorithm(*parameters: str) -> sr.AlgorithmIdentification:
    return sr.AlgorithmIdentification(NAME, VERSION, parameters=parameters)


def _structure_group(
    row: Mapping[Any, Any],
    certificate: GateCertificate,
    sources: Sequence[Dataset],
    words: tuple[str, ...],
) -> sr.MeasurementsAndQualitativeEvaluations:
    reason = str(row["reason"])
    decision = "accept" if row["accept"] else "refer"
    group = sr.MeasurementsAndQualitativeEvaluations(
        sr.TrackingIdentifier(stable_uid(*words, row["structure"]), str(row["structure"])),
        finding_type=private_code("quality"),
        algorithm_id=_algorithm(
            f"segmentation model: {row['model_id']}", f"calibration: {certificate.id}"
        ),
        measurements=[
            sr.Measurement(private_code(name), float(row[name]), codes.UCUM.NoUnits)
            for name in _NUMBERS
            if np.isfinite(row[name])
        ],
        qualitative_evaluations=[
            sr.QualitativeEvaluation(private_code("decision"), private_code(decision)),
            sr.QualitativeEvaluation(
                private_code("reason"), private_code(_SHORT.get(reason, reason))
            ),
        ],
        source_images=[
            sr.SourceImageForMeasurementGroup.from_source_image(image) for image in sources
        ]
        or None,  # template TID 1501: all images that the report refers to
    )
    group[0].ContentSequence.extend(
        sr.TextContentItem(private_code(name), text, "CONTAINS")
        for name, text in _texts(row, certificate).items()
        if text
    )
    return group


def _texts(row: Mapping[Any, Any], certificate: GateCertificate) -> dict[str, str]:
    """Return what the group says in words: template TID 1501 may be extended."""
    texts = {"message": str(row["message"]), "calibration": certificate.id}
    promised = certificate.structures.get(row["structure"])
    if promised is not None and row["reason"] not in NO_PROMISE:
        texts["promise_interval"] = promised.interval.promise
        texts["promise_accept"] = promised.accept.promise
    return texts


def _region_groups(
    segmentation: Dataset, source: Dataset
) -> list[sr.VolumetricROIMeasurementsAndQualitativeEvaluations]:
    return [
        sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            sr.TrackingIdentifier(segment.TrackingUID, segment.TrackingID),
            referenced_segment=sr.ReferencedSegment(
                segmentation.SOPClassUID,
                segmentation.SOPInstanceUID,
                segment.SegmentNumber,
                source_series=sr.SourceSeriesForSegmentation(source.SeriesInstanceUID),
            ),
            finding_type=private_code("region"),
            algorithm_id=_algorithm(),
        )
        for segment in segmentation.SegmentSequence
    ]
