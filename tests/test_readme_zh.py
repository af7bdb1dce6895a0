"""README.zh-CN.md keeps step with README.md: structure, code, commands, links and tables."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
OTHER = {"README.md": "README.zh-CN.md", "README.zh-CN.md": "README.md"}


class Page:
    """What of a page has to be alike in both languages."""

    def __init__(self, text: str) -> None:
        prose = FENCED.sub("", text)
        self.code = FENCED.findall(text)
        self.levels = [len(marks) for marks in re.findall(r"^(#+) ", prose, re.MULTILINE)]
        spans = {" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)}
        self.commands = {span for span in spans if span.startswith(("segqc", "sq."))}
        self.links = sorted(re.findall(r"\]\(([^)]+)\)", prose))
        self.rows = [len(table.split("\n")) for table in re.findall(r"(?:^\|.*\n?)+", prose, re.M)]
        self.numbers = sorted(
            re.findall(r"\d[\d,.]*\d|\d", re.sub(r"\]\([^)]+\)|`[^`]+`", "", prose))
        )


def english() -> str:
    return (ROOT / "README.md").read_text("utf-8")


def chinese() -> str:
    return (ROOT / "README.zh-CN.md").read_text("utf-8")


@pytest.mark.parametrize("part", ["code", "levels", "commands", "rows", "numbers"])
def test_both_languages_have_the_same(part: str) -> None:
    assert getattr(Page(chinese()), part) == getattr(Page(english()), part)


def test_links_lead_to_the_same_pages_and_to_each_other() -> None:
    there = Page(chinese()).links
    assert sorted(OTHER.get(link, link) for link in there) == Page(english()).links


def test_links_within_the_page_lead_somewhere() -> None:
    within = [link[1:] for link in Page(chinese()).links if link.startswith("#")]
    assert within
    for anchor in within:
        assert f'<a id="{anchor}"></a>\n\n#' in chinese(), anchor


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("code", ("--tolerated-error 0.2", "--tolerated-error 0.1")),
        ("levels", ("### ", "## ")),
        ("commands", ("`segqc plan --out`", "`segqc plan`")),
        ("rows", ("| 8 |", "8")),
        ("numbers", ("90 %", "95 %")),
        ("links", ("docs/dicom.md", "docs/doctor.md")),
    ],
)
def test_twin_a_page_that_fell_behind_is_noticed(part: str, change: tuple[str, str]) -> None:
    changed = chinese().replace(*change)
    assert changed != chinese()
    assert getattr(Page(changed), part) != getattr(Page(chinese()), part)
