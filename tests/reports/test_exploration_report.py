import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from segqc_conformal.errors import FileFormatError
from segqc_conformal.exploration import Exploration
from segqc_conformal.planning_words import chance_in_words, per_cent
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.reports.exploration_report import write_exploration
from segqc_conformal.reports.learning_section import learning
from segqc_conformal.reports.page import percent

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
Cohort = Callable[..., pd.DataFrame]


@pytest.fixture(scope="module")
def found(cohort: Cohort, cheap: dict[str, Any]) -> Exploration:
    return QualityGate().explore(
        cohort(120, empty=0.03),
        candidates=cheap,
        tolerated_errors=[0.05, 0.2],
        dice_thresholds=[0.7, 0.9],
    )


@pytest.fixture(scope="module")
def page(found: Exploration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explore")
    path, numbers = write_exploration(folder / "explore.html", found, now=NOW)
    assert numbers == folder / "explore.json"
    return path


def cells(text: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", text)
    return [re.findall(r"<span>(.*?)</span>", row) for row in rows]


def test_page_shows_the_numbers_of_the_json(page: Path) -> None:
    numbers = json.loads(page.with_suffix(".json").read_text("utf-8"))
    rows = cells(page.read_text("utf-8"))
    for row in numbers["outcomes"]:
        share, needed = row["share_if_certified"], row["patients_needed"]
        line = [
            f"{row['dice_threshold']:g}",
            percent(row["bad_share"]),
            per_cent(row["tolerated_error"]),
            escape(chance_in_words(row["p_certify"])),
            "–" if share is None else percent(share),
            percent(row["share_accepted"]),
            "no number does" if needed is None else str(needed),
        ]
        assert line in rows
    widths = [row for row in numbers["widths"] if row["structure"] == "anterior"]
    assert ["anterior", "90.0 %", f"{widths[1]['width']:.2f}"] in [row[:3] for row in rows]


def test_page_says_first_that_it_spends_nothing_and_what_the_whole_case_gets(
    page: Path, found: Exploration
) -> None:
    text = page.read_text("utf-8")
    short = text[text.index("<h2>In short</h2>") : text.index('<section id="s1">')]
    assert "No calibration label was read, so choosing by this page spends nothing" in short
    rows = found.at(0.8)
    own = rows[(rows["structure"] == "whole_case") & (rows["tolerated_error"] == 0.1)].iloc[0]
    chance = escape(chance_in_words(own["p_certify"])).replace(" ", "\u00a0")
    assert "Whole case at Dice &gt; 0.8 and a tolerated error of 10\u00a0%" in short
    assert f"with probability {chance}" in short


def test_page_needs_nothing_but_itself_and_is_the_same_every_time(
    page: Path, found: Exploration, tmp_path: Path
) -> None:
    text = page.read_text("utf-8")
    assert not re.findall(r"""<(?:script|img|iframe|link)[^>]+(?:src|href)=["']?https?:""", text)
    again, numbers = write_exploration(tmp_path / "explore.html", found, now=NOW)
    assert again.read_bytes() == page.read_bytes()
    assert numbers.read_bytes() == page.with_suffix(".json").read_bytes()


def test_chromium_draws_a_map_and_curves_for_each_structure(
    page: Path, chromium: Callable[[Path, int], str]
) -> None:
    dom = chromium(page, 1200)
    assert dom.count('class="js-plotly-plot"') + dom.count(' js-plotly-plot"') == 3 + 3 + 1
    assert dom.count('class="hm"') == 3
    assert dom.count('class="heatmap-label"') == 3 * 9
    assert dom.count('class="js-line"') == 2 * (3 * 3 + 3)  # drawn, and in the legend


def test_page_does_not_scroll_sideways_on_a_narrow_window(
    page: Path, scroll_width: Callable[[Path, int], int]
) -> None:
    assert scroll_width(page, 400) <= 400


def test_groups_and_hostile_names_are_shown_as_text(
    cohort: Cohort, cheap: dict[str, Any], tmp_path: Path
) -> None:
    table = cohort(80).assign(site=lambda rows: rows["site"] + "<img src=x>")
    found = QualityGate(groups="site").explore(
        table, candidates=cheap, tolerated_errors=[], dice_thresholds=[], miscoverages=[]
    )
    text = write_exploration(tmp_path / "e.html", found, now=NOW)[0].read_text("utf-8")
    assert "Whole case, A&lt;img src=x&gt;" in text
    assert "<img src=x>" not in text
    assert "Calibration is by site" in text


def test_nobody_to_calibrate_on_is_a_page_too(
    cohort: Cohort, cheap: dict[str, Any], tmp_path: Path
) -> None:
    found = QualityGate().explore(
        cohort(30, structures=("liver",)),
        candidates=cheap,
        tolerated_errors=[],
        dice_thresholds=[],
    )
    text = write_exploration(tmp_path / "e.html", found, now=NOW)[0].read_text("utf-8")
    assert "a certificate comes with probability 0\u00a0%" in text
    assert "; there are 0." in text
    assert "cross-conformal, whose width is not forecast" in text


def test_another_suffix_is_refused_and_nothing_written(found: Exploration, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"a \.html file"):
        write_exploration(tmp_path / "explore.csv", found)
    assert not list(tmp_path.iterdir())


def test_a_learning_curve_is_a_section_where_it_was_asked_for(
    found: Exploration, cohort: Cohort, cheap: dict[str, Any], page: Path, tmp_path: Path
) -> None:
    assert "Would more fit patients help?" not in page.read_text("utf-8")
    assert "learning" not in json.loads(page.with_suffix(".json").read_text("utf-8"))
    learned = QualityGate().explore(cohort(120), candidates=cheap, with_learning=True)
    path, numbers = write_exploration(tmp_path / "explore.html", learned, now=NOW)
    rows = json.loads(numbers.read_text("utf-8"))["learning"]
    assert [row["patients"] for row in rows] == [15, 30, 48]
    text = path.read_text("utf-8")
    assert "Would more fit patients help?" in text
    for row in rows:
        cell = [f"{row['error']:.3f}", f"{row['error_se']:.3f}"]
        assert [str(row["patients"]), *cell] in [each[:3] for each in cells(text)]


def test_a_curve_that_has_flattened_says_so() -> None:
    curve = pd.DataFrame(
        {"patients": [20, 40], "error": [0.1, 0.05], "error_se": [0.01, 0.01], "spearman": 0.5}
    )
    assert "The error still falls, from 0.100 with 20" in learning(curve).body
    flat = learning(curve.assign(error=0.05)).body
    assert "further labels are better spent on calibration" in flat
    assert "Too few fit patients" in learning(curve[:1]).body
