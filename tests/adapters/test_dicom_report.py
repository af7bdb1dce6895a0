from datetime import datetime

import highdicom
import numpy as np
import pytest
from dicom_phantom import Phantom
from pydicom import dcmread
from pydicom.sr.codedict import codes

from segqc_conformal.adapters.dicom_codes import private_code
from segqc_conformal.adapters.dicom_regions import write_regions
from segqc_conformal.adapters.dicom_report import write_report
from segqc_conformal.adapters.dicom_series import read_series
from segqc_conformal.errors import InputError

NOW = datetime(2026, 5, 6, 7, 8, 9)
PHANTOM = Phantom()
STRUCTURES = ["anterior", "posterior", "whole_case"]


@pytest.fixture(scope="module")
def verdicts(gate, cohort):
    table = cohort(3)
    table.loc[table["case_id"] == "c0001", "feature_agreement"] = np.nan
    return gate.judge(table)


@pytest.fixture
def rows(verdicts):
    return verdicts[verdicts["case_id"] == "c0000"]


@pytest.fixture
def series(tmp_path):
    return PHANTOM.write_slices(tmp_path / "series")


def read(path):
    """Read a report as highdicom does, which checks it against the templates."""
    return highdicom.sr.srread(path)


def texts(group):
    """Return the words of a group by the code of what they are."""
    found = {}
    for item in group[0].ContentSequence:
        if item.ValueType == "TEXT":
            found[item.ConceptNameCodeSequence[0].CodeValue] = item.TextValue
    return found


def test_the_report_says_what_the_verdict_says(tmp_path, series, rows, gate):
    report = read(write_report(tmp_path / "sr.dcm", rows, gate.certificate, series, now=NOW))
    groups = report.content.get_image_measurement_groups()
    assert [group.tracking_identifier for group in groups] == STRUCTURES
    for group, row in zip(groups, rows.to_dict("records"), strict=True):
        for name in ("predicted_dice", "dice_low", "dice_high"):
            (measured,) = group.get_measurements(name=private_code(name))
            assert measured.value == pytest.approx(row[name], abs=1e-12)
            assert measured.unit == codes.UCUM.NoUnits
        found = {item.name.value: item.value.value for item in group.get_qualitative_evaluations()}
        decision = "accept" if row["accept"] else "refer"
        assert found == {"decision": decision, "reason": row["reason"]}
        said, promised = texts(group), gate.certificate.structures[row["structure"]]
        assert said["promise_interval"] == promised.interval.promise
        assert said["promise_accept"] == promised.accept.promise
        assert (said["calibration"], said["message"]) == (gate.id, row["message"])
        assert said["111001"] == "segqc-conformal"  # Algorithm Name
        assert f"calibration: {gate.id}" in said["111002"] or row["model_id"] in said["111002"]
        assert group.finding_type == private_code("quality")


def test_it_is_a_preliminary_unverified_measurement_report_on_the_series(
    tmp_path, series, rows, gate
):
    report = dcmread(write_report(tmp_path / "sr.dcm", rows, gate.certificate, series, now=NOW))
    assert report.SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.33"
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    flags = (report.CompletionFlag, report.PreliminaryFlag, report.VerificationFlag)
    assert flags == ("COMPLETE", "PRELIMINARY", "UNVERIFIED")
    assert (report.ContentDate, report.ContentTime[:6]) == ("20260506", "070809")
    source = PHANTOM.slice(0)
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "AccessionNumber", "StudyDate"):
        assert report[keyword].value == source[keyword].value
    # type 1 and 2 of the modules of a Comprehensive SR, and what one of them must hold
    for keyword in (
        *("SpecificCharacterSet", "SOPInstanceUID", "Modality", "SeriesInstanceUID"),
        *("SeriesNumber", "InstanceNumber", "Manufacturer", "PatientBirthDate", "PatientSex"),
        *("StudyTime", "StudyID", "ReferringPhysicianName", "PerformedProcedureCodeSequence"),
        *("ReferencedPerformedProcedureStepSequence", "ValueType", "ConceptNameCodeSequence"),
        *("ContinuityOfContent", "ContentSequence", "CurrentRequestedProcedureEvidenceSequence"),
    ):
        assert keyword in report
    (scheme,) = report.CodingSchemeIdentificationSequence
    assert scheme.CodingSchemeDesignator == "99SEGQC"
    (evidence,) = report.CurrentRequestedProcedureEvidenceSequence
    (held,) = evidence.ReferencedSeriesSequence
    assert held.SeriesInstanceUID == source.SeriesInstanceUID
    assert len(held.ReferencedSOPSequence) == 6


def test_regions_are_groups_that_refer_to_the_seg(tmp_path, series, rows, gate):
    labels = np.zeros((5, 4, 6), int)
    labels[1, 2, 3] = 1
    labels[1, 2, 4] = 2
    where = {"edge": labels == 1, "tip": labels == 2}
    regions = write_regions(tmp_path / "seg.dcm", where, series, read_series(series))
    path = tmp_path / "sr.dcm"
    report = read(write_report(path, rows, gate.certificate, series, regions=regions))
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert [group.tracking_identifier for group in groups] == ["edge", "tip"]
    for number, group in enumerate(groups, start=1):
        (item,) = group.referenced_segment[0].ReferencedSOPSequence
        assert item.ReferencedSOPInstanceUID == dcmread(regions).SOPInstanceUID
        assert item.ReferencedSegmentNumber == number
    assert len(report.content.get_image_measurement_groups()) == 3
    held = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    assert [len(part.ReferencedSOPSequence) for part in held] == [6, 1]
    write_report(path, rows, gate.certificate, series)
    assert dcmread(path).SOPInstanceUID != report.SOPInstanceUID


def test_a_case_that_could_not_be_judged_has_no_numbers_and_no_promise(
    tmp_path, series, verdicts, gate
):
    rows = verdicts[verdicts["case_id"] == "c0001"]
    assert set(rows["reason"]) == {"input_error"}
    report = read(write_report(tmp_path / "sr.dcm", rows, gate.certificate, series))
    for group in report.content.get_image_measurement_groups():
        assert not group.get_measurements(name=private_code("predicted_dice"))
        (low,) = group.get_measurements(name=private_code("dice_low"))
        assert low.value == 0
        found = {item.name.value: item.value.value for item in group.get_qualitative_evaluations()}
        assert found == {"decision": "refer", "reason": "input_error"}
        assert not {"promise_interval", "promise_accept"} & set(texts(group))


def test_writing_again_leaves_the_file_alone(tmp_path, series, rows, gate):
    path = write_report(tmp_path / "sr.dcm", rows, gate.certificate, series, now=NOW)
    whole = path.read_bytes()
    write_report(path, rows, gate.certificate, series)
    assert path.read_bytes() == whole
    other = write_report(
        tmp_path / "other.dcm", rows.assign(dice_low=0.0), gate.certificate, series
    )
    one, two = dcmread(path), dcmread(other)
    assert one.SOPInstanceUID != two.SOPInstanceUID
    assert one.SeriesInstanceUID == two.SeriesInstanceUID


def test_what_the_series_does_not_say_is_empty_and_names_keep_their_letters(tmp_path, rows, gate):
    for at in range(6):
        dataset = PHANTOM.slice(at)
        for keyword in ("PatientBirthDate", "StudyTime", "AccessionNumber"):
            del dataset[keyword]
        dataset.SpecificCharacterSet = "ISO_IR 100"
        dataset.PatientName = "Müller^Zoë"
        (tmp_path / "series").mkdir(exist_ok=True)
        dataset.save_as(tmp_path / "series" / str(at), enforce_file_format=True)
    path = write_report(tmp_path / "sr.dcm", rows, gate.certificate, tmp_path / "series")
    report = dcmread(path)
    assert report.PatientName == "Müller^Zoë"
    assert (report.PatientBirthDate, report.StudyTime, report.AccessionNumber) == ("", "", "")


def test_rows_of_other_cases_or_calibrations_are_refused(tmp_path, series, verdicts, rows, gate):
    for wrong in (verdicts, rows.assign(calibration="other"), rows.assign(reason="a whim")):
        with pytest.raises(InputError, match="expected verdict rows of one case, by calibration"):
            write_report(tmp_path / "sr.dcm", wrong, gate.certificate, series)
    assert not (tmp_path / "sr.dcm").exists()
