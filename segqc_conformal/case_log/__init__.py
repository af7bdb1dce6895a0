"""Verdict to record: the case log on SQLite or PostgreSQL."""

from segqc_conformal.case_log.adding import AddResult
from segqc_conformal.case_log.audit_rates import AuditRates
from segqc_conformal.case_log.log import CaseLog
from segqc_conformal.case_log.monitoring import Event, LogCounts, SavedMonitor
from segqc_conformal.case_log.outbox import Notice
from segqc_conformal.case_log.stored_ids import StoredIds

__all__ = [
    "AddResult",
    "AuditRates",
    "CaseLog",
    "Event",
    "LogCounts",
    "Notice",
    "SavedMonitor",
    "StoredIds",
]
