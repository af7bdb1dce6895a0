import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from segqc_conformal.case_log import CaseLog, Event, SavedMonitor
from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.patients import pseudonym

MakeTable = Callable[..., pd.DataFrame]
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def test_the_same_case_twice_is_added_once(
    log_url: str, verdict_table: MakeTable, feature_table: MakeTable
) -> None:
    with CaseLog(log_url) as log:
        first = log.add(verdict_table(["0012", "c2"]), feature_table(["0012", "c2"]))
        again = log.add(verdict_table(["c2", "c3"]))
        assert first.added == ("0012", "c2")
        assert (again.added, again.already_present) == (("c3",), ("c2",))
        assert log.cases_after()["case_id"].tolist() == ["0012", "c2", "c3"]
        assert log.cases_after()["sequence"].tolist() == [1, 2, 3]
        assert log.cases_after(cursor=1, limit=1)["case_id"].tolist() == ["c2"]
        assert log.cases_after(calibration="other").empty


def test_a_patient_bets_once_across_and_within_batches(
    log_url: str, verdict_table: MakeTable
) -> None:
    table = verdict_table(["c1", "c2", "c3"], ["p", "p", "q"])
    table["time"] = pd.to_datetime(
        table["case_id"].map({"c1": "2026-01-03", "c2": "2026-01-01", "c3": "2026-01-02"}),
        utc=True,
    )
    with CaseLog(log_url) as log:
        assert log.add(table).repeats == ("c1",)
        assert log.cases_after()["case_id"].tolist() == ["c2", "c3", "c1"]
        assert log.cases_after()["time"].iloc[0] == pd.Timestamp("2026-01-01", tz="UTC")
        assert log.add(verdict_table(["c4"], ["q"])).repeats == ("c4",)


def test_a_patient_of_the_gate_gets_verdicts_but_no_bet(
    log_url: str, verdict_table: MakeTable
) -> None:
    with CaseLog(log_url) as log:
        result = log.add(verdict_table(["c1", "c2"], ["p", "q"]), gate_patients={pseudonym("q")})
        assert result.added == ("c1", "c2")
        assert result.repeats == ("c2",)
        assert log.cases_after()["repeat"].tolist() == [False, True]


def test_the_database_itself_refuses_a_second_bet_of_a_patient(
    log_url: str, verdict_table: MakeTable
) -> None:
    with CaseLog(log_url) as log:
        log.add(verdict_table(["c1"], ["p"]))
    engine = create_engine(log_url)
    copy = text(
        "INSERT INTO cases SELECT 2, 'c2', patient_id, site, time, model_id, calibration, repeat "
        "FROM cases"
    )
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(copy)
    engine.dispose()


def test_infinite_scores_and_missing_numbers_come_back_as_they_were(
    log_url: str, verdict_table: MakeTable, feature_table: MakeTable
) -> None:
    verdicts, features = verdict_table(["c1"]), feature_table(["c1"])
    verdicts["accept_score"] = [-np.inf, np.nan, -np.inf]
    features["feature_y"] = [0.1, np.nan]
    with CaseLog(log_url) as log:
        log.add(verdicts, features)
        rows = log.stream_rows()
    assert rows["structure"].tolist() == ["anterior", "posterior", "whole_case"]
    np.testing.assert_equal(rows["accept_score"].to_numpy(), [-np.inf, np.nan, -np.inf])
    np.testing.assert_equal(rows["feature_x"].to_numpy(), [0.0, 0.125, np.nan])
    np.testing.assert_equal(rows["feature_y"].to_numpy(), [0.1, np.nan, np.nan])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"case_id": [12, 12, 12]}, "strings in column case_id"),
        ({"patient_id": ["p", "q", "p"]}, "case c1: expected one verdict per case"),
        ({"structure": ["anterior"] * 3, "predicted_dice": [0.1, 0.2, 0.3]}, "case c1: "),
        ({"time": ["yesterday"] * 3}, "ISO 8601"),
    ],
)
def test_an_unusable_verdict_table_adds_nothing(
    tmp_path: Path, change: dict[str, list[object]], said: str, verdict_table: MakeTable
) -> None:
    with CaseLog(f"sqlite:///{tmp_path}/log.db") as log:
        with pytest.raises(InputError, match=said):
            log.add(verdict_table(["c1"]).assign(**change))
        with pytest.raises(InputError, match="the columns accept_score"):
            log.add(verdict_table(["c1"]).drop(columns="accept_score"))
        assert log.cases_after().empty


def test_a_known_case_id_of_another_patient_is_refused(
    log_url: str, verdict_table: MakeTable
) -> None:
    with CaseLog(log_url) as log:
        log.add(verdict_table(["c1"], ["p"]))
        with pytest.raises(InputError, match="case c1: expected patient p"):
            log.add(verdict_table(["c0", "c1"], ["r", "q"]))
        assert log.cases_after()["case_id"].tolist() == ["c1"]


def test_state_cursor_and_events_are_saved_together_or_not_at_all(log_url: str) -> None:
    with CaseLog(log_url) as log:
        assert log.monitor_state("watch", "f00d") is None
        one, two = SavedMonitor(1, '{"a": 0.1}'), SavedMonitor(2, "{}")
        log.commit_monitor("watch", "f00d", one, previous=None, now=NOW)
        with pytest.raises(InputError, match="another run"):
            log.commit_monitor(
                "watch", "f00d", two, previous=None, now=NOW, events=[Event("alarm", {})]
            )
        bad = [Event("alarm", {"not JSON": object()})]
        with pytest.raises(Exception, match="JSON"):
            log.commit_monitor("watch", "f00d", two, previous=one, now=NOW, events=bad)
        assert log.monitor_state("watch", "f00d") == one
        assert log.events().empty
        log.commit_monitor(
            "watch",
            "f00d",
            two,
            previous=one,
            now=NOW,
            events=[Event("alarm", {"case_id": "c1"})],
        )
        log.record_event("rollback", {"by": "me"}, now=NOW)
        assert log.events()["kind"].tolist() == ["alarm", "rollback"]
        assert log.events()["detail"].iloc[0] == {"case_id": "c1"}
        assert log.events()["time"].iloc[0] == pd.Timestamp(NOW)


def test_two_writers_at_once_number_every_case_once(log_url: str, verdict_table: MakeTable) -> None:
    CaseLog(log_url).close()

    def write(part: int) -> None:
        with CaseLog(log_url) as log:
            for i in range(10):
                log.add(verdict_table([f"{part}-{i}"], [f"p{i}"]))

    threads = [threading.Thread(target=write, args=(part,)) for part in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with CaseLog(log_url) as log:
        cases = log.cases_after()
    assert cases["sequence"].tolist() == list(range(1, 21))
    assert cases["repeat"].sum() == 10
    assert set(cases.loc[~cases["repeat"], "patient_id"]) == {f"p{i}" for i in range(10)}


def test_sqlite_runs_in_wal_mode(tmp_path: Path) -> None:
    CaseLog(f"sqlite:///{tmp_path}/log.db").close()
    connection = sqlite3.connect(tmp_path / "log.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_who_may_only_read_on_a_server_reads_and_is_told_why_nothing_is_written(
    postgres_url: str, verdict_table: MakeTable
) -> None:
    with CaseLog(postgres_url) as log:
        log.add(verdict_table(["c1"]))
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("DROP ROLE IF EXISTS reader"))
        connection.execute(text("CREATE ROLE reader LOGIN"))
        connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"))
    with CaseLog(postgres_url.replace("segqc@", "reader@")) as log:
        assert log.cases_after()["case_id"].tolist() == ["c1"]
        with pytest.raises(FileFormatError, match="permission denied for table cases; remedy: "):
            log.add(verdict_table(["c2"]))
    with CaseLog(postgres_url) as log:
        assert len(log.cases_after()) == 1
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        with pytest.raises(FileFormatError, match="expected a case log that can be opened, read"):
            log.add(verdict_table(["c2"]))
        assert log.add(verdict_table(["c2"])).added == ("c2",)
    engine.dispose()


def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"not a database" * 100)
    with pytest.raises(FileFormatError, match=r"log\.db"):
        CaseLog(f"sqlite:///{tmp_path}/log.db")
    with pytest.raises(FileFormatError, match="path and permissions"):
        CaseLog(f"sqlite:///{tmp_path}/missing/log.db")
    with pytest.raises(InputError, match="database URL"):
        CaseLog("log.db")
