"""docs/benchmarks.md is the page that the saved figures give."""

from __future__ import annotations

import json
import re

import page


def test_committed_page_is_what_the_figures_give() -> None:
    assert page.PAGE.read_text() == page.page(), "run `python benchmarks/page.py`"


def test_contents_lists_every_section_with_its_anchor() -> None:
    text = page.PAGE.read_text()
    titles = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
    listed = re.findall(r"^- \[(.*)\]\(#(.*)\)$", text, flags=re.MULTILINE)
    assert [title for title, _ in listed] == titles
    splits = json.loads((page.FOLDER / "splits.json").read_text())["hippocampus"]["splits"]
    assert titles[0] == f"Hippocampus: {splits} splits of 220 patients"
    assert listed[0][1] == f"hippocampus-{splits}-splits-of-220-patients"


def test_a_benchmark_without_figures_is_left_out(tmp_path, monkeypatch) -> None:
    figures = page.FOLDER / "splits.json"
    (tmp_path / "splits.json").write_bytes(figures.read_bytes())
    monkeypatch.setattr(page, "FOLDER", tmp_path)
    assert page.page().count("\n## ") == 2  # one for each data set
