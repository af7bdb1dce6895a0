import hashlib
import hmac
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from segqc_conformal.case_log import CaseLog, StoredIds
from segqc_conformal.errors import CalibrationError, InputError
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.monitors import run_monitors, watched
from segqc_conformal.patients import pseudonym
from segqc_conformal.random_audits import audits_since
from segqc_conformal.recalibration import recalibrate

MakeTable = Callable[..., pd.DataFrame]
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
WHO = {"by": "ann", "reason": "x"}
SALT, OTHER = StoredIds(b"the salt of this hospital"), StoredIds(b"the salt of another one")
AS_GIVEN = StoredIds()


def everything_in(url: str) -> str:
    """Return the content of an SQLite log as text."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    found = "\n".join(connection.iterdump())
    connection.close()
    return found


def test_a_hash_is_the_hmac_that_anybody_with_the_salt_can_compute() -> None:
    own = hmac.new(b"the salt of this hospital", b"case:c17", hashlib.sha256).hexdigest()[:32]
    assert SALT.case("c17") == own
    patient = SALT.patient("c17")
    assert len({own, patient[:32], OTHER.case("c17"), SALT.case("c18")}) == 4
    assert pseudonym("c17") not in patient
    assert pseudonym(SALT.known_patient(patient)) == pseudonym("c17")
    assert pseudonym(OTHER.known_patient(patient)) != pseudonym("c17")
    assert (AS_GIVEN.case("c17"), AS_GIVEN.patient("p"), AS_GIVEN.known_patient("p")) == (
        "c17",
        "p",
        "p",
    )
    with pytest.raises(InputError, match="a salt of at least 16 bytes; received 5 bytes"):
        StoredIds(b"short")
    assert "hospital" not in repr(SALT)


def test_no_id_reaches_the_database_and_results_name_cases_as_given(
    tmp_path: Path, gate: CalibratedGate, cohort: MakeTable
) -> None:
    url, table = f"sqlite:///{tmp_path}/log.db", cohort(20, 5000)
    table.loc[0, "failed"] = "cannot read /archive/5000_MUELLER/c5000.nii.gz"
    table.loc[2, "feature_noise"] = float("nan")
    again = table.tail(2).assign(case_id="d5019", time=None)
    table = pd.concat([table, again], ignore_index=True)
    with CaseLog(url, ids=SALT) as log:
        result = log.add(gate.judge(table), table, gate_patients=gate.patients)
        assert set(result.added) == set(table["case_id"])
        assert result.repeats == ("d5019",)
        assert log.add(gate.judge(table)).already_present == tuple(sorted(result.added))
        log.keep_certificate(gate.certificate, now=NOW)
        log.draw_audits(1.0, 1, now=NOW)
        run_monitors(log, watched(gate), NOW)
        with pytest.raises(InputError, match=r"case c5001: expected patient .*; received 5000"):
            log.add(gate.judge(cohort(2, 5000).assign(patient_id="5000", case_id="c5001").head(1)))
    content = everything_in(url)
    assert SALT.case("c5001") in content
    for patient in table["patient_id"].unique():
        assert f"c{patient}" not in content
        assert f"'{patient}'" not in content
        assert pseudonym(patient) not in content
    for known in gate.patients:
        assert known not in content
    assert "MUELLER" not in content
    assert "the salt" not in content


def test_ids_come_in_one_form_only(log_url: str, verdict_table: MakeTable) -> None:
    one, two = verdict_table(["c1"]), verdict_table(["c2"])
    with CaseLog(log_url, ids=SALT) as log:
        log.add(one)
    for ids, said in ((AS_GIVEN, "received no salt"), (OTHER, "received a salt of fingerprint")):
        with CaseLog(log_url, ids=ids) as log:
            for refused in (log.audited, log.feature_table, lambda log=log: log.add(two)):
                with pytest.raises(InputError, match=f"of fingerprint {SALT.fingerprint}; {said}"):
                    refused()
            assert len(log.cases_after()) == 1
    with CaseLog(log_url, ids=OTHER) as log, pytest.raises(InputError, match="fingerprint"):
        log.sequence_of("c1")


def test_a_log_with_ids_as_given_takes_no_salt(log_url: str, verdict_table: MakeTable) -> None:
    with CaseLog(log_url) as log:
        log.add(verdict_table(["c1"]))
    with CaseLog(log_url, ids=SALT) as log:
        for refused in (
            lambda: log.add(verdict_table(["c2"])),
            lambda: log.sequence_of("c1"),
            log.audited,
        ):
            with pytest.raises(InputError, match="expected ids as given, as this log stores them"):
                refused()


def test_a_case_is_found_by_its_id_as_given_and_as_stored(
    log_url: str, verdict_table: MakeTable
) -> None:
    good = {"anterior": 0.9, "posterior": 0.8}
    with CaseLog(log_url, ids=SALT) as log:
        log.add(verdict_table(["c1", "c2"]))
        log.add_audit("c1", good, now=NOW)
        log.add_audit(SALT.case("c1"), good, now=NOW)  # the same answer again
        assert log.sequence_of("c2") == log.sequence_of(SALT.case("c2")) == 2
        with pytest.raises(InputError, match="case c3: expected a case of the log"):
            log.add_audit("c3", good, now=NOW)
    with CaseLog(log_url) as log:
        log.add_audit(SALT.case("c2"), good, now=NOW)
        with pytest.raises(InputError, match=r"case c2: .* give the salt"):
            log.add_audit("c2", good, now=NOW)
        assert log.pending_audits().empty


@pytest.fixture
def folder(gate: CalibratedGate, tmp_path: Path) -> Path:
    gate.save(tmp_path / "calibration", by="ann", reason="first")
    return tmp_path / "calibration"


def audited_log(url: str, folder: Path, table: pd.DataFrame, ids: StoredIds) -> CaseLog:
    """Log all cases but the first, draw every one, and answer with the Dice of the table."""
    gate = CalibratedGate.load(folder)
    log = CaseLog(url, ids=ids)
    log.add(gate.judge(table), table, gate_patients=gate.patients)
    log.draw_audits(1.0, 1, now=NOW)
    for case_id, rows in table.groupby("case_id"):
        log.add_audit(case_id, rows.set_index("structure")["dice"].to_dict(), now=NOW)
    return log


def test_patients_that_calibrated_are_known_and_fresh_ones_become_known_in_every_form(
    gate: CalibratedGate, folder: Path, cohort: MakeTable, tmp_path: Path
) -> None:
    known, fresh = cohort(200).tail(40), cohort(40, 5000)  # 20 patients of the gate, 40 new ones
    table = pd.concat([known.assign(case_id="x" + known["case_id"]), fresh], ignore_index=True)
    with audited_log(f"sqlite:///{tmp_path}/log.db", folder, table, SALT) as log:
        repeat = log.cases_after().set_index("case_id")["repeat"]
        assert repeat[[SALT.case(name) for name in fresh["case_id"]]].sum() == 0
        assert repeat.sum() == 20
        audits = audits_since(log, known["case_id"].radd("x").iloc[-1]).table
    second = recalibrate(folder, audits, **WHO)
    # lineages keep the pseudonyms of the ids as given, so that nobody calibrates twice
    lineage = second.certificate.lineage["calibration_patients"]
    assert set(lineage) == set(fresh["patient_id"].map(pseudonym))
    with pytest.raises(CalibrationError, match=r"at least 9 fresh .* received 0"):
        recalibrate(folder, fresh, **WHO)
    with pytest.raises(CalibrationError, match=r"at least 9 fresh .* received 0"):
        recalibrate(folder, audits, **WHO)
    with CaseLog(f"sqlite:///{tmp_path}/given.db") as log:
        later = fresh.assign(case_id="y" + fresh["case_id"])
        result = log.add(second.judge(later), later, gate_patients=second.patients)
        assert len(result.repeats) == 40


def test_patients_used_before_through_a_table_are_known_when_they_come_hashed(
    gate: CalibratedGate, folder: Path, cohort: MakeTable, tmp_path: Path
) -> None:
    # logged as fresh, calibrated through a table: the log does not know, the folder does
    table = cohort(40, 5000)
    with audited_log(f"sqlite:///{tmp_path}/log.db", folder, table, SALT) as log:
        recalibrate(folder, table.head(60), **WHO)
        audits = audits_since(log, table["case_id"].iloc[0]).table
    second = recalibrate(folder, audits, **WHO)
    data = second.certificate.data
    assert data["patients_calibration"] == 10
    assert data["patients_known_before"] == 29  # and one is the case after which it counts


def test_evidence_is_that_of_ids_as_given_but_for_what_an_id_decides(
    gate: CalibratedGate, folder: Path, cohort: MakeTable, tmp_path: Path
) -> None:
    table = cohort(60, 5000).assign(dice=lambda rows: rows["dice"] * 0.9)
    found: list[Any] = []
    for ids in (AS_GIVEN, SALT):
        name = tmp_path / f"{len(found)}.db"
        with audited_log(f"sqlite:///{name}", folder, table, ids) as log:
            run = run_monitors(log, watched(gate), NOW + timedelta(days=1))
            cases = log.cases_after().drop(columns=["case_id", "patient_id"])
            audited = log.audited().drop(columns=["case_id", "patient_id", "share"])
            rows = log.stream_rows().drop(columns="case_id")
        (segment,) = run.segments
        found.append((cases, audited, rows, segment))
    for given, hashed in zip(found[0][:3], found[1][:3], strict=True):
        pd.testing.assert_frame_equal(given, hashed)
    given, hashed = found[0][3], found[1][3]
    for promise in ("accepted error", "miscoverage"):
        assert given.evidence[promise] == hashed.evidence[promise]
    assert given.evidence["accepted error"]["audits"] > 20
    assert (given.cases, given.standing) == (hashed.cases, hashed.standing)
    # the watch breaks ties within a bin by a hash of the case id: another one, equally good
    assert given.log_evidence != hashed.log_evidence
    assert hashed.log_evidence == pytest.approx(given.log_evidence, abs=1.0)
