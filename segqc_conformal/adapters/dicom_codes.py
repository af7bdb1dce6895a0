"""What DICOM objects of this package share: private codes, stable UIDs, the writer's name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom import Dataset, dcmread
from pydicom.sr.coding import Code
from pydicom.uid import UID, generate_uid

from segqc_conformal.adapters.dicom_files import holds_dicom, read_files
from segqc_conformal.replaced_file import replaced_at_once

__all__ = [
    "MEANINGS",
    "NAME",
    "VERSION",
    "equipment",
    "private_code",
    "source_headers",
    "stable_uid",
    "write_once",
]

NAME = "segqc-conformal"
VERSION = version(NAME)
SCHEME = "99SEGQC"
# DICOM has no codes for these. Values have at most 16 characters, meanings at most 64.
MEANINGS = {
    "quality": "Segmentation quality",
    "predicted_dice": "Predicted Dice coefficient",
    "dice_low": "Lower end of the Dice interval",
    "dice_high": "Upper end of the Dice interval",
    "decision": "Decision about the segmentation",
    "accept": "Accept without review",
    "refer": "Refer to a human",
    "reason": "Reason for the decision",
    "certified": "Accept score reaches the certified threshold",
    "below_threshold": "Accept score below the certified threshold",
    "cannot_certify": "No accept threshold could be certified",
    "suspended": "Promise suspended by a monitor",
    "empty_prediction": "Predicted structure is empty",
    "unknown_group": "Group not seen in calibration",
    "input_error": "Case could not be judged",
    "message": "Explanation of the decision",
    "promise_interval": "Promise about the Dice interval",
    "promise_accept": "Promise about accepted segmentations",
    "calibration": "Calibration identifier",
    "region": "Region to look at",
}
# required by the standard, if only empty
_TYPE_2 = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
)


def private_code(value: str) -> Code:
    """Return a code of `MEANINGS`.

    Examples
    --------
    >>> private_code("accept").meaning
    'Accept without review'
    """
    return Code(value, SCHEME, MEANINGS[value])


def stable_uid(*words: str) -> UID:
    """Return the UID that these words always get; it holds none of them.

    Examples
    --------
    >>> stable_uid("a", "b") == stable_uid("a", "b"), stable_uid("a", "b") == stable_uid("ab")
    (True, False)
    """
    return generate_uid(entropy_srcs=[NAME, *(f"{len(word)}:{word}" for word in words)])


def source_headers(series: str | Path, case_id: str | None = None) -> list[Dataset]:
    """Read the headers of a series, from which new objects take patient, study and references.

    What the standard asks for, even if unknown, is empty where the series lacks it.
    """
    headers: list[Dataset] = list(read_files(series, case_id, pixels=False).values())
    for header in headers:
        for keyword in _TYPE_2:
            header.setdefault(keyword, "")
    return headers


def equipment(now: datetime) -> dict[str, Any]:
    """Return what every new object says of its writer."""
    return {
        "manufacturer": NAME,
        "manufacturer_model_name": NAME,
        "software_versions": VERSION,
        "device_serial_number": "none",
        "specific_character_set": "ISO_IR 192",
        "content_date": now.date(),
        "content_time": now.time(),
        "coding_schemes": [CodingSchemeIdentificationItem(SCHEME, name=NAME)],
    }


def write_once(path: Path, uid: UID, make: Callable[[], Dataset]) -> None:
    """Write the object of this UID, unless the file holds it already: one UID is one object."""
    if holds_dicom(path) and dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID == uid:
        return
    made = make()
    with replaced_at_once(path) as temporary:
        made.save_as(temporary, enforce_file_format=True)
