"""A few small days of the year that the benchmark simulates."""

from pathlib import Path

import year
import year_page


def test_every_case_is_judged_logged_audited_and_watched_and_the_page_tells(
    tmp_path: Path,
) -> None:
    found = year.measured(days=4, a_day=400, folder=tmp_path)
    assert found["streams"][0] == "accept_score"
    assert len(found["streams"]) == 5
    (month,) = found["months"]
    assert month["cases"] == 1_600
    assert all(month[step] > 0 for step in year_page.STEPS)
    assert 500 < month["bytes"] < 3_000
    assert month["state_bytes"] < 100_000
    text = year_page.section({**found, "months": [month, month]})
    assert "## A year at 400 cases a day" in text
    assert "a case takes 1.00 times as long" in text


def test_a_month_averages_its_days() -> None:
    day = {**dict.fromkeys(year_page.STEPS, 2.0), "state_bytes": 7}
    days = [{**day, "log_bytes": 1_000 * (number + 1)} for number in range(31)]
    first, second = year.months(days, a_day=10)
    assert (first["cases"], second["cases"]) == (300, 310)
    assert first["judge"] == second["watch"] == 200_000.0
    assert first["bytes"] == second["bytes"] == 100.0
