import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from segqc_conformal.errors import FileFormatError
from segqc_conformal.pilot_plan import PilotPlan
from segqc_conformal.reports.plan_report import write_plan
from segqc_conformal.study_plan import study_plan

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
PILOT = (
    PilotPlan("liver<b>", 60, 61, 0.1, 0.55, 0.021, 88),
    PilotPlan("whole_case", 60, 61, 0.4, None, None, None),
)


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    path, numbers = write_plan(folder / "plan.html", study_plan(pilot=PILOT), now=NOW)
    assert numbers == folder / "plan.json"
    return path


def cells(text: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", text)
    return [re.findall(r"<span>(.*?)</span>", row) for row in rows]


def test_page_shows_the_numbers_of_the_json(page: Path) -> None:
    plan = json.loads(page.with_suffix(".json").read_text("utf-8"))
    rows = cells(page.read_text("utf-8"))
    for need in plan["needs"]:
        line = next(row for row in rows if row and row[0].lower() == need["promise"].lower())
        assert line[1].split()[0] == str(need["fewest"])
        assert line[2] == str(need["likely"])
    assert ["50 %", "49", "98", "193", "464"] in rows
    assert ["100", "90.1 %", "84.8 % to 94.5 %", "94.1 %"] in rows
    assert ["Accept, 50 % accepted", "10.0 %", "15.0 %", "2.5 of 100 patients"] in rows


def test_pilot_is_told_also_where_no_number_would_do(page: Path) -> None:
    rows = cells(page.read_text("utf-8"))
    assert ["liver&lt;b&gt;", "10 %", "55 %", "2.1 %", "88"] in rows
    assert ["Whole case", "40 %", "–", "–", "no number does"] in rows
    assert "liver<b>" not in page.read_text("utf-8")


def test_page_needs_nothing_but_itself_and_is_the_same_every_time(
    page: Path, tmp_path: Path
) -> None:
    text = page.read_text("utf-8")
    assert not re.findall(r"""<(?:script|img|iframe|link)[^>]+(?:src|href)=["']?https?:""", text)
    again, numbers = write_plan(tmp_path / "plan.html", study_plan(pilot=PILOT), now=NOW)
    assert again.read_bytes() == page.read_bytes()
    assert numbers.read_bytes() == page.with_suffix(".json").read_bytes()


def test_chromium_draws_the_plots(page: Path, chromium) -> None:
    dom = chromium(page, 1200)
    assert dom.count('class="js-plotly-plot"') + dom.count(' js-plotly-plot"') == 3
    for words in ("98 calibration patients", "One look or many", "What the pilot says"):
        assert words in dom
    # axes and lines were drawn, none empty
    assert dom.count('class="xtick"') > 12
    assert dom.count('class="js-line"') >= 4 + 3 + 5


def test_page_does_not_scroll_sideways_on_a_narrow_window(page: Path, scroll_width) -> None:
    assert scroll_width(page, 400) <= 400


def test_hopeless_assumptions_are_a_page_too(tmp_path: Path) -> None:
    plan = study_plan(error_among_accepted=0.2, miscoverage=0.0001)
    page, _ = write_plan(tmp_path / "plan.html", plan, now=NOW)
    assert "no number of patients gives an 80 % chance" in page.read_text("utf-8")


def test_another_suffix_is_refused_and_nothing_written(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"a \.html file; received plan.json"):
        write_plan(tmp_path / "plan.json", study_plan())
    assert not list(tmp_path.iterdir())
