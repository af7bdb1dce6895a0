from datetime import UTC, datetime, timedelta

from segqc_conformal.monitors.unwatched_cases import UnwatchedCases

NOW, MONTH = datetime(2026, 11, 28, tzinfo=UTC), timedelta(days=30)


def test_they_are_kept_in_mind_by_site_until_one_can_be_taken_or_time_has_passed() -> None:
    found = UnwatchedCases()
    for site in ("C", "C", "A"):
        found.note(site, NOW)
    again = UnwatchedCases(found.state())
    assert again.reasons(NOW, MONTH) == [
        "the last case of site A could not be watched",
        "the last 2 cases of site C could not be watched",
    ]
    again.forget("A")
    assert len(again.reasons(NOW, MONTH)) == 1
    assert again.reasons(NOW + MONTH, MONTH) == []
