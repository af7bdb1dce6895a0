"""The page docs/benchmarks.md, assembled from the figures of every benchmark.

``python benchmarks/page.py`` writes it anew from the saved figures; so does each benchmark's
``--write-docs``.
"""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent / "docs" / "benchmarks.md"
# Of each there are figures NAME.json and a module NAME_page with `section(figures)`.
BENCHMARKS = (
    *("splits", "guarantees", "monitors", "recalibration", "faults", "year", "archive"),
    *(
        "predictors",
        "one_class",
        "reverse_classification",
        "review",
        "refinement",
        "features",
        "uncertainty",
    ),
)


HEAD = """# Benchmarks

Generated from `benchmarks/*.json` by `python benchmarks/page.py`; do not edit by hand. Each section
names the command that makes its figures."""


def page() -> str:
    """Return the page; benchmarks without figures are left out."""
    sections = []
    for name in BENCHMARKS:
        figures = FOLDER / f"{name}.json"
        if figures.is_file():
            section = import_module(f"{name}_page").section(json.loads(figures.read_text()))
            sections.append(section.strip())
    titles = [line[3:] for text in sections for line in text.splitlines() if line[:3] == "## "]
    contents = "\n".join(f"- [{title}](#{_anchor(title)})" for title in titles)
    return "\n\n".join([HEAD, contents, *sections]) + "\n"


def write_page() -> None:
    """Write docs/benchmarks.md."""
    PAGE.write_text(page())


def _anchor(title: str) -> str:
    # As GitHub makes them: lower case, no punctuation, one hyphen for each space.
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


if __name__ == "__main__":
    write_page()
