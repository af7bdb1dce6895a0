from datetime import UTC, datetime

from segqc_conformal.monitors.monitor_settings import MonitorSettings
from segqc_conformal.monitors.pace import audits_in_words, cases_per_day, false_alarms_in_words

FIRST, LAST = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 11, tzinfo=UTC)


def test_the_pace_is_unknown_where_times_do_not_say() -> None:
    assert cases_per_day(101, FIRST, LAST) == 10.0
    assert cases_per_day(101, None, LAST) is None
    assert cases_per_day(1, FIRST, FIRST) is None


def test_words_speak_of_days_where_the_pace_is_known() -> None:
    assert false_alarms_in_words(MonitorSettings(), None).endswith("in 10000 cases.")
    assert "about 27.4 years at 1 cases a day" in false_alarms_in_words(MonitorSettings(), 1.0)
    words = audits_in_words(MonitorSettings(), 0.1, 1.0, 2.0)
    assert "about 129 audits" in words
    assert "64 days at 2 audits a day" in words
    few = MonitorSettings(audit_horizon=20)
    assert "not noticed within the horizon" in audits_in_words(few, 0.02, 1.0, None)
