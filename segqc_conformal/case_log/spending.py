"""What versions promised, and the ledger of what certificates and monitors spent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, insert, select, update

from segqc_conformal.canonical_json import canonical_json
from segqc_conformal.case_log import schema
from segqc_conformal.case_log.id_check import hashes_ids
from segqc_conformal.case_log.rows import fetched, time_text
from segqc_conformal.certificate import GateCertificate

__all__ = ["keeps", "read_certificates", "read_ledger", "write_certificate", "write_spent"]

CASES, CERTIFICATES, LEDGER = schema.cases.c, schema.certificates.c, schema.ledger.c


def keeps(connection: Connection, version: str) -> bool:
    """Whether the certificate of a version is kept."""
    query = select(CERTIFICATES.calibration).where(CERTIFICATES.calibration == version)
    return connection.execute(query).scalar() is not None


def write_certificate(connection: Connection, certificate: GateCertificate, now: datetime) -> None:
    """Keep the certificate of a version that judged a case, and what it spent, once."""
    judged = select(CASES.sequence).where(CASES.calibration == certificate.id).limit(1)
    if keeps(connection, certificate.id) or connection.execute(judged).scalar() is None:
        return
    text = certificate.to_json()
    row = {
        "calibration": certificate.id,
        "certificate": _without_ids(text) if hashes_ids(connection) else text,
        "first_seen": time_text(now),
    }
    connection.execute(insert(schema.certificates).values(**row))
    write_spent(connection, certificate.id, {"all": certificate.spent_by_kind}, now)


def _without_ids(text: str) -> str:
    """Return a certificate without its pseudonyms, which are not salted, and faults by case."""
    fields = json.loads(text)
    lineage = fields["lineage"]
    fields["lineage"] = {name: lineage[name] for name in lineage if not name.endswith("_patients")}
    fields["data"] = {name: each for name, each in fields["data"].items() if name != "faults"}
    return canonical_json(fields)


def read_certificates(connection: Connection) -> pd.DataFrame:
    """Return every certificate kept: ``calibration, certificate, first_seen``."""
    query = select(schema.certificates).order_by(CERTIFICATES.first_seen, CERTIFICATES.calibration)
    frame = fetched(connection, query)
    return frame.assign(first_seen=pd.to_datetime(frame["first_seen"], utc=True))


def write_spent(
    connection: Connection, version: str, spent: Mapping[str, Mapping[str, float]], now: datetime
) -> None:
    """Bring the ledger of a version up to date; `spent` is by segment and kind."""
    here = LEDGER.calibration == version
    known = {
        (row.segment, row.what): row.spent
        for row in connection.execute(select(schema.ledger).where(here))
    }
    for segment, what, share in _entries(spent):
        told = {"spent": share, "time": time_text(now)}
        if (segment, what) not in known:
            row = {"calibration": version, "segment": segment, "what": what, **told}
            connection.execute(insert(schema.ledger).values(**row))
        elif known[segment, what] != share:
            entry = here & (LEDGER.segment == segment) & (LEDGER.what == what)
            connection.execute(update(schema.ledger).where(entry).values(**told))


def _entries(spent: Mapping[str, Mapping[str, float]]) -> Iterable[tuple[str, str, float]]:
    return ((name, what, share) for name, each in spent.items() for what, share in each.items())


def read_ledger(connection: Connection) -> pd.DataFrame:
    """Return the ledger: ``calibration, segment, what, spent, time``."""
    order = (LEDGER.calibration, LEDGER.segment, LEDGER.what)
    return fetched(connection, select(schema.ledger).order_by(*order))
