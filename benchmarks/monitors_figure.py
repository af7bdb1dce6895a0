"""The figure of the real streams: how many splits have alarmed, by cases since the change."""

from __future__ import annotations

from math import log
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[1] / "docs" / "monitors_real.svg"
COLOURS = ("#0072B2", "#D55E00", "#009E73")  # told apart by every kind of colour vision
PANEL, HEIGHT, LEFT, TOP, GAP = 380, 250, 62, 64, 66
TICKS = (1, 10, 100, 1000)
LARGEST = 4_000  # cases


def figure(real: dict[str, Any]) -> str:
    """Draw one panel for each data set, as SVG."""
    width = LEFT + len(real) * (PANEL + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {TOP + HEIGHT + 56}" '
        'font-family="sans-serif" font-size="13" role="img">',
        "<title>Share of splits that have alarmed, by cases since the change</title>",
        f'<rect width="{width}" height="{TOP + HEIGHT + 56}" fill="#ffffff"/>',
        *_legend(next(iter(real.values()))["curves"]),
    ]
    for number, (name, found) in enumerate(real.items()):
        parts += _panel(name, found, LEFT + number * (PANEL + GAP))
    return "\n".join([*parts, "</svg>"]) + "\n"


def write_figure(real: dict[str, Any]) -> None:
    """Write docs/monitors_real.svg."""
    PATH.write_text(figure(real))


def _legend(curves: dict[str, Any]) -> list[str]:
    parts = []
    for number, (name, colour) in enumerate(zip(curves, COLOURS, strict=True)):
        x = LEFT + number * 235
        parts.append(
            f'<line x1="{x}" y1="20" x2="{x + 26}" y2="20" stroke="{colour}" stroke-width="3"/>'
            f'<text x="{x + 33}" y="25">{name}</text>'
        )
    return parts


def _panel(name: str, found: dict[str, Any], left: int) -> list[str]:
    bottom = TOP + HEIGHT
    grey, middle = 'stroke="#dddddd"', 'text-anchor="middle"'
    parts = [f'<text x="{left + PANEL / 2}" y="{TOP - 12}" {middle} font-size="15">{name}</text>']
    for share in (0, 25, 50, 75, 100):
        y = bottom - HEIGHT * share / 100
        parts.append(f'<line x1="{left}" y1="{y}" x2="{left + PANEL}" y2="{y}" {grey}/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{share} %</text>')
    for tick in TICKS:
        x = _x(tick, left)
        parts.append(f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}" {grey}/>')
        parts.append(f'<text x="{x}" y="{bottom + 20}" {middle}>{tick}</text>')
    parts.append(
        f'<text x="{left + PANEL / 2}" y="{bottom + 42}" {middle}>cases since the change</text>'
    )
    for curve, colour in zip(found["curves"].values(), COLOURS, strict=True):
        parts.append(
            f'<polyline points="{_steps(curve, left)}" fill="none" stroke="{colour}" '
            'stroke-width="2.5"/>'
        )
    return parts


def _x(cases: float, left: int) -> float:
    return round(left + PANEL * log(max(cases, 1)) / log(LARGEST), 1)


def _steps(curve: dict[str, Any], left: int) -> str:
    points, share = [(left, 0.0)], 0.0
    for number, delay in enumerate(curve["delays"], start=1):
        points.append((_x(delay, left), share))
        share = number / curve["of"]
        points.append((_x(delay, left), share))
    points.append((_x(curve["until"], left), share))
    return " ".join(f"{x:g},{TOP + HEIGHT * (1 - y):.1f}" for x, y in points)
