"""Whether ids come in the form in which the log stores them, and which case an id means."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from segqc_conformal.case_log import schema
from segqc_conformal.case_log.stored_ids import StoredIds
from segqc_conformal.errors import InputError

__all__ = ["check_ids", "find_case", "hashes_ids"]


def hashes_ids(connection: Connection) -> bool:
    """Whether the log stores ids hashed."""
    return _fingerprint(connection) is not None


def check_ids(connection: Connection, ids: StoredIds, *, begins: bool = False) -> None:
    """Refuse another form of ids than that of the log; where it `begins`, the first one stays.

    Raises
    ------
    InputError
        For a salt where ids are stored as given, none where they are hashed, or another one.
    """
    found, own = _fingerprint(connection), ids.fingerprint
    if found == own:
        return
    if found is None:
        if begins and connection.execute(select(schema.cases.c.sequence).limit(1)).scalar() is None:
            connection.execute(insert(schema.id_hashing).values(fingerprint=own))
            return
        raise InputError(
            "ids as given, as this log stores them",
            "a salt to hash them",
            "leave the salt out, or begin another log with it",
        )
    raise InputError(
        f"the salt under which this log hashes ids, of fingerprint {found}",
        "no salt" if own is None else f"a salt of fingerprint {own}",
        "give the file with the salt of this log (`--hash-ids`)",
    )


def find_case(connection: Connection, ids: StoredIds, case_id: str) -> int:
    """Return the sequence number of a case, by its id as given or as stored.

    Raises
    ------
    InputError
        If the log has no such case, or the salt is not that of the log.
    """
    if ids.salt is not None:
        check_ids(connection, ids)
    cases = schema.cases.c
    query = select(cases.sequence).where(cases.case_id.in_({case_id, ids.case(case_id)}))
    found = connection.execute(query).scalar()
    if found is None:
        hint = ", or give the salt (`--hash-ids`)" if hashes_ids(connection) else ""
        raise InputError(
            "a case of the log", "an unknown case", f"add its verdicts first{hint}", case_id
        )
    return int(found)


def _fingerprint(connection: Connection) -> str | None:
    return connection.execute(select(schema.id_hashing.c.fingerprint)).scalar()
