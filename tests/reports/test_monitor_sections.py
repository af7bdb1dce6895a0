import pandas as pd

from segqc_conformal.reports.monitor_sections import audits, estimates, segments
from segqc_conformal.standing import Standing


def test_each_segment_is_said_in_words() -> None:
    harm = Standing("A", ("A",), "HARM", "2026-11-28T08:00:00+00:00", ("x above 0.1",), True)
    calm = Standing("B", ("B",), "BENIGN", None, (), False)
    html = segments([harm, calm]).body
    assert "A: HARM since 2026-11-28" in html
    assert "x above 0.1" in html
    assert "B: Cases changed, and audits since then showed" in html
    assert "No monitor has run" in segments([]).body


def test_audits_and_estimates_say_where_there_are_none() -> None:
    assert "No audit has come back" in audits(pd.DataFrame()).body
    assert "None: the recent cases" in estimates(pd.DataFrame()).body
    told = pd.DataFrame({"promise": ["miscoverage"], "audits": [7]})
    assert "miscoverage" in audits(told).body
    row = pd.DataFrame(
        [["whole_case", 40, 0.85, 0.8, 0.79, 0.81, 0.1, 0.2, 0.25]],
        columns=["structure", "cases", "a", "b", "c", "d", "e", "f", "g"],
    )
    html = estimates(row).body
    for shown in ("Whole case", "0.79", "25 %"):
        assert shown in html
