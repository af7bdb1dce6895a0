"""One self-contained HTML page: sections, tables, plots and pictures, without any network."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from segqc_conformal.canonical_json import sha256_hex
from segqc_conformal.errors import FileFormatError
from segqc_conformal.replaced_file import replaced_at_once
from segqc_conformal.reports.page_style import STYLE

__all__ = [
    "Section",
    "figure",
    "folded",
    "html_page",
    "notice",
    "number",
    "paragraph",
    "percent",
    "picture",
    "table",
    "write_numbers",
    "write_page",
]

# the browser itself refuses every request that leaves the page
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; frame-src 'self' data:; worker-src blob:"
)

LONGEST_WORD = 16  # letters of a cell's word that is not broken across lines


@dataclass(frozen=True)
class Section:
    """A part of a page: a title in plain text and a body in HTML."""

    title: str
    body: str


def html_page(title: str, subtitle: str, sections: Sequence[Section], made: datetime) -> str:
    """Put sections together to one page that needs nothing but itself.

    Parameters
    ----------
    title, subtitle : str
        Plain text.
    sections : sequence of Section
        plotly.js is put in once, and only where a section has a figure.
    made : datetime
        Printed at the foot.

    Returns
    -------
    str
        A complete HTML document; its content policy forbids every network request.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> page = html_page("Report", "of a test", [Section("One", paragraph("a < b"))],
    ...                  datetime(2026, 1, 2))
    >>> "<h2>One</h2>" in page, "a &lt; b" in page, "Plotly" in page
    (True, True, False)
    """
    body = "\n".join(
        f'<section id="s{place}"><h2>{escape(section.title)}</h2>\n{section.body}</section>'
        for place, section in enumerate(sections)
    )
    links = "".join(
        f'<a href="#s{place}">{escape(section.title)}</a>' for place, section in enumerate(sections)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        f"{_plotly() if 'Plotly.newPlot' in body else ''}</head>\n<body><main>"
        f'<header><h1>{escape(title)}</h1><p class="subtitle">{escape(subtitle)}</p>'
        f"{f'<nav>{links}</nav>' if len(sections) > 1 else ''}</header>\n{body}\n"
        f"<footer>Written {made:%Y-%m-%d %H:%M %Z}. Research software, not a medical device."
        "</footer></main></body></html>\n"
    )


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return f"<script>{get_plotlyjs()}</script>"


def paragraph(text: str, kind: str = "") -> str:
    """Return plain text as a paragraph; `kind` is "" or "note"."""
    return f'<p class="{escape(kind)}">{escape(text)}</p>'


def notice(text: str, kind: str) -> str:
    """Return a boxed sentence; `kind` is "good", "caution" or "plain"."""
    return f'<div class="notice {escape(kind)}">{escape(text)}</div>'


def folded(summary: str, body: str) -> str:
    """Return HTML that opens on a click on its summary (plain text)."""
    return f"<details><summary>{escape(summary)}</summary>{body}</details>"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table of plain-text cells; on narrow windows each row becomes a card.

    Examples
    --------
    >>> table(["n"], [[3]]).count("<td")
    1
    """
    heads = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "".join(
        "<tr>"
        + "".join(
            f'<td data-label="{escape(name)}"{_kind(cell)}><span>{escape(str(cell))}</span></td>'
            for name, cell in zip(head, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>"


def _kind(cell: object) -> str:
    text = str(cell)
    if text[:1] in "+-−0123456789":
        return ' class="number"'
    # words are broken only where they are long, as hashes and paths are
    return ' class="short"' if max(map(len, text.split()), default=0) <= LONGEST_WORD else ""


def figure(plot: Any, title: str, caption: str) -> str:
    """Return a plotly figure as HTML, with title and caption in plain text."""
    from plotly.io import to_html

    # named by its content, so that one gate gives one report, byte for byte
    name = sha256_hex(f"{title} {plot.to_json()}".encode())[:12]
    drawn = to_html(
        plot,
        full_html=False,
        include_plotlyjs=False,
        div_id=f"plot-{name}",
        config={"displaylogo": False, "responsive": True, "displayModeBar": False},
    )
    caption = f"<figcaption>{escape(caption)}</figcaption>"
    return f"<figure><h3>{escape(title)}</h3>{drawn}{caption}</figure>"


def picture(png: bytes, description: str) -> str:
    """Return a PNG as an image that stands in the page itself."""
    data = base64.b64encode(png).decode()
    return f'<img alt="{escape(description)}" src="data:image/png;base64,{data}">'


def percent(share: float, digits: int = 0) -> str:
    """Return a share in per cent, or a dash where it is not known.

    Examples
    --------
    >>> percent(0.914), percent(0.914, 1), percent(float("nan"))
    ('91 %', '91.4 %', '–')
    """
    return "–" if math.isnan(share) else f"{100.0 * share:.{digits}f} %"


def number(value: float | None, digits: int = 2) -> str:
    """Return a number for a person, or a dash where it is not known.

    Examples
    --------
    >>> number(0.8765), number(None), number(float("-inf"))
    ('0.88', '–', '−∞')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.{digits}f}".replace("-", "−")


def write_page(
    path: str | Path, title: str, subtitle: str, sections: Sequence[Section], now: datetime | None
) -> Path:
    """Write `html_page` at once, so that a reader never sees half of it; no `now`: this moment."""
    path = Path(path)
    with replaced_at_once(path) as temporary:
        page = html_page(title, subtitle, sections, now or datetime.now(UTC))
        temporary.write_text(page, encoding="utf-8")
    return path


def write_numbers(page: str | Path, text: str) -> Path:
    """Write JSON beside a page, under its name, at once; refuse pages that are not ``.html``."""
    page = Path(page)
    if page.suffix != ".html":
        raise FileFormatError("a .html file", page.name, "the numbers go to .json beside it")
    path = page.with_suffix(".json")
    with replaced_at_once(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path
