"""`first_schema.py` is the schema before revisions were noted; `first_log.json` a log of it."""

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Engine, Integer, MetaData, Table, create_engine, event, text

from segqc_conformal.case_log import CaseLog, SavedMonitor, StoredIds
from segqc_conformal.case_log.schema import METADATA
from segqc_conformal.case_log.upgrading import HEAD, MIGRATIONS, VERSION_TABLE
from segqc_conformal.errors import FileFormatError, InputError

MakeTable = Callable[..., pd.DataFrame]
HERE = Path(__file__).parent
FIRST_LOG = json.loads((HERE / "first_log.json").read_text())
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def differences(url: str, metadata: MetaData) -> list[object]:
    engine = create_engine(url)
    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        found = compare_metadata(context, metadata)
    engine.dispose()
    return found


def make_first_log(url: str) -> None:
    """Make the tables with the code of that time, and fill them."""
    metadata = runpy.run_path(str(HERE / "first_schema.py"))["METADATA"]
    engine = create_engine(url)
    metadata.create_all(engine)
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.insert(), FIRST_LOG[table.name])
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT setval('events_number_seq', 2)"))
    engine.dispose()


def test_migrations_and_metadata_agree(log_url: str) -> None:
    CaseLog(log_url).close()
    assert differences(log_url, METADATA) == []
    twin = MetaData()
    for table in METADATA.sorted_tables:
        table.to_metadata(twin)
    Table("cases", twin, Column("age", Integer), extend_existing=True)
    assert len(differences(log_url, twin)) == 1


def test_the_head_is_the_newest_file_and_the_line_has_no_branch() -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    assert script.get_heads() == [HEAD]
    names = sorted(path.name[1:5] for path in (MIGRATIONS / "versions").glob("v*.py"))
    assert names == [each.revision for each in script.walk_revisions()][::-1]


def test_the_oldest_log_keeps_every_case_verdict_feature_and_event(log_url: str) -> None:
    make_first_log(log_url)
    with CaseLog(log_url) as log:
        cases, events, rows = log.cases_after(), log.events(), log.stream_rows()
    assert differences(log_url, METADATA) == []
    assert cases["case_id"].tolist() == [row["case_id"] for row in FIRST_LOG["cases"]]
    assert cases["repeat"].sum() == 1
    engine = create_engine(log_url)
    with engine.connect() as connection:
        for name in ("cases", "verdicts", "features"):
            table = METADATA.tables[name]
            found = connection.execute(table.select().order_by(*table.primary_key.columns))
            assert [dict(row._mapping) for row in found] == FIRST_LOG[name]
    engine.dispose()
    assert len(rows) == len(FIRST_LOG["verdicts"])
    assert events["kind"].tolist() == ["watch_alarm", "rollback", "monitor_states_dropped"]
    assert events["detail"].tolist()[:2] == [row["detail"] for row in FIRST_LOG["events"]]
    dropped = events["detail"].iloc[2]
    assert dropped["states"] == [{"name": "exchangeability", "calibration": "f00d", "cursor": 20}]


def test_the_oldest_log_keeps_every_draw_and_answer(log_url: str) -> None:
    make_first_log(log_url)
    with CaseLog(log_url) as log:
        audited, pending = log.audited(), log.pending_audits()
        answers, draws = log.answers_after(0, "f00d"), log.draws_after(0, "f00d")
    told = audited.set_index(["case_id", "structure"])
    old = [row for row in FIRST_LOG["audits"] if row["answered_at"] and row["probability"]]
    assert len(told) == len(old) == 6
    case_of = {row["sequence"]: row["case_id"] for row in FIRST_LOG["cases"]}
    for row in old:
        found = told.loc[(case_of[row["sequence"]], row["structure"])]
        kept = ("dice", "probability", "reference_kind")
        assert [found[name] for name in kept] == [row[name] for name in kept]
    waiting = {row["sequence"] for row in FIRST_LOG["audits"] if not row["answered_at"]}
    assert set(pending["sequence"]) == waiting
    assert set(pending.loc[pending["sequence"] > 12, "probability"]) == {0.5}
    # c5 was answered unasked before its draw; c7 was recorded before c2, but answered later
    assert answers["case_id"].tolist() == ["c5", "c2", "c7"]
    assert answers["answer_number"].tolist() == [1, 2, 3]
    assert answers["stratum"].tolist() == ["accepted/B", "accepted/A", "accepted/B"]
    assert draws["common"].all()
    drawn = {(name, epoch) for name, epoch in zip(draws["stratum"], draws["epoch"], strict=True)}
    # the rate changed with the second draw: an epoch of its own
    assert drawn >= {("accepted/A", 0), ("accepted/A", 1), ("referred/A", 0), ("referred/B", 0)}


def test_the_oldest_log_goes_on(log_url: str, verdict_table: MakeTable) -> None:
    make_first_log(log_url)
    with CaseLog(log_url) as log:
        assert log.draw_audits(1.0, secret_seed=3, now=NOW).empty
        log.add(verdict_table(["new"]))
        drawn = log.draw_audits(1.0, secret_seed=3, now=NOW)
        assert drawn["case_id"].tolist() == ["new"]
        # site A: rates 1.0, 0.5, and now 1.0 again
        assert log.draws_after(20, "f00d")["epoch"].tolist() == [2]
        log.add_audit("new", {"anterior": 0.9, "posterior": 0.8}, now=NOW)
        log.add_audit("c1", {"anterior": 0.25, "posterior": 0.5}, now=NOW)  # as it stands there
        assert log.answers_after(3, "f00d")["answer_number"].tolist() == [4]
        log.commit_monitor("version", "f00d", SavedMonitor(21, "{}"), previous=None, now=NOW)
        log.record_event("rollback", {}, now=NOW)
        assert log.events()["number"].tolist() == [1, 2, 3, 4]
        spent = {"all": {"false WATCH": 0.05}}
        one, two = SavedMonitor(21, "{}"), SavedMonitor(22, "{}")
        log.commit_monitor("version", "f00d", two, previous=one, spent=spent, now=NOW)
        assert log.ledger()["spent"].tolist() == [0.05]
        assert log.certificates().empty
    # its ids were stored as given, and stay so
    salted = CaseLog(log_url, ids=StoredIds(b"the salt of this hospital"))
    with salted as log, pytest.raises(InputError, match="ids as given, as this log stores them"):
        log.add(verdict_table(["newer"]))


def test_a_log_without_a_noted_version_is_taken_on_if_its_tables_fit(log_url: str) -> None:
    CaseLog(log_url).close()
    engine = create_engine(log_url)
    with engine.begin() as connection:
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))
        for later in ("outbox", "certificates", "ledger", "id_hashing"):
            connection.execute(text(f"DROP TABLE {later}"))
        connection.execute(text("ALTER TABLE audits DROP COLUMN share"))
        connection.execute(text("INSERT INTO events VALUES (7, 'then', 'kept', '{}')"))
    with CaseLog(log_url) as log:
        assert len(differences(log_url, METADATA)) == 0
        assert log.monitor_state("version", "f00d") is None
    with engine.begin() as connection:
        assert connection.execute(text("SELECT number FROM events")).scalar() == 7
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))
        connection.execute(text("ALTER TABLE cases ADD COLUMN age INTEGER"))
    with pytest.raises(FileFormatError, match=r"other tables by the same names: .*cases \(age"):
        CaseLog(log_url)
    engine.dispose()


def test_a_log_of_schema_3_gets_certificates_ledger_and_ids_as_given(
    log_url: str, verdict_table: MakeTable
) -> None:
    with CaseLog(log_url) as log:
        log.add(verdict_table(["c1"]))
        log.record_event("rollback", {}, now=NOW)
    engine = create_engine(log_url)
    with engine.begin() as connection:
        for later in ("certificates", "ledger", "id_hashing"):
            connection.execute(text(f"DROP TABLE {later}"))
        connection.execute(text("ALTER TABLE audits DROP COLUMN share"))
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0003'"))
    engine.dispose()
    with CaseLog(log_url) as log:
        assert differences(log_url, METADATA) == []
        assert log.cases_after()["case_id"].tolist() == ["c1"]
        assert log.events()["kind"].tolist() == ["rollback"]
        assert log.ledger().empty
        assert log.add(verdict_table(["c2"])).added == ("c2",)


def test_a_log_of_a_newer_version_is_refused_by_name(log_url: str) -> None:
    CaseLog(log_url).close()
    engine = create_engine(log_url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0917'"))
    with pytest.raises(FileFormatError, match=f"schema {HEAD} or older; received schema 0917"):
        CaseLog(log_url)
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    assert found == "0917"
    engine.dispose()


def test_an_upgrade_that_fails_changes_nothing(
    log_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_first_log(log_url)
    first = runpy.run_path(str(HERE / "first_schema.py"))["METADATA"]

    def fails(*_: object) -> None:
        raise RuntimeError("power failure")

    with monkeypatch.context() as patch:
        patch.setattr(MigrationContext, "stamp", fails)
        with pytest.raises(RuntimeError, match="power failure"):
            CaseLog(log_url)
    assert differences(log_url, first) == []
    with CaseLog(log_url) as log:
        assert len(log.cases_after()) == 20


def test_opening_an_up_to_date_log_is_one_select(log_url: str) -> None:
    CaseLog(log_url).close()
    seen: list[str] = []

    def note(*told: object) -> None:
        seen.append(str(told[2]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        CaseLog(log_url).close()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    own = [words for words in seen if "pg_catalog" not in words and "show standard" not in words]
    assert [words for words in own if words.startswith("SELECT")] == [
        f"SELECT version_num FROM {VERSION_TABLE}"
    ]
    assert {words.split()[0] for words in own} <= {"SELECT", "BEGIN"}


OPENS_ON_DEMAND = """
import sys
from segqc_conformal.case_log import CaseLog
import alembic.migration, alembic.operations, alembic.script
for line in sys.stdin:
    CaseLog(line.strip()).close()
    print("opened", flush=True)
"""


def test_processes_that_open_a_new_log_at_once_do_not_clash(log_url: str) -> None:
    command = [sys.executable, "-c", OPENS_ON_DEMAND]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    # a new SQLite file each time; on PostgreSQL a schema of its own in the same database
    for turn in range(12):
        url = f"{log_url}{turn}"
        if not log_url.startswith("sqlite"):
            engine = create_engine(log_url)
            with engine.begin() as connection:
                connection.execute(text(f"CREATE SCHEMA turn{turn}"))
            engine.dispose()
            url = f"{log_url}&options=-csearch_path%3Dturn{turn}"
        for child in children:
            assert child.stdin is not None
            child.stdin.write(url + "\n")
        for child in children:
            assert child.stdin is not None
            child.stdin.flush()
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "opened\n"
    for child in children:
        child.communicate()
        assert child.returncode == 0
    with CaseLog(url) as log:
        assert isinstance(log.cases_after(), pd.DataFrame)
