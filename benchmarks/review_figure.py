"""The figure of the review: share of wrong voxels found, by share of the slices looked at."""

from __future__ import annotations

from pathlib import Path

PATH = Path(__file__).parents[1] / "docs" / "review.svg"
# told apart by every kind of colour vision; what no ranking does is grey
COLOURS = ("#888888", "#0072B2", "#D55E00", "#009E73", "#bbbbbb")
WIDTH, HEIGHT, LEFT, TOP, KEY = 420, 300, 62, 28, 220


def figure(curves: dict[str, list[float]]) -> str:
    """Draw the curves, as SVG."""
    width, height = LEFT + WIDTH + KEY, TOP + HEIGHT + 56
    title = "Share of wrong voxels found, by share of the slices looked at"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13" role="img">',
        f"<title>{title}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    bottom, middle = TOP + HEIGHT, 'text-anchor="middle"'
    for share in (0, 25, 50, 75, 100):
        x, y = LEFT + WIDTH * share / 100, bottom - HEIGHT * share / 100
        parts += [
            f'<line x1="{LEFT}" y1="{y}" x2="{LEFT + WIDTH}" y2="{y}" stroke="#dddddd"/>',
            f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}" stroke="#dddddd"/>',
            f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{share} %</text>',
            f'<text x="{x}" y="{bottom + 20}" {middle}>{share} %</text>',
        ]
    parts += [
        f'<text x="{LEFT + WIDTH / 2}" y="{bottom + 42}" {middle}>slices looked at</text>',
        f'<text x="{LEFT}" y="{TOP - 10}">wrong voxels found</text>',
    ]
    for number, ((name, found), colour) in enumerate(zip(curves.items(), COLOURS, strict=True)):
        y = TOP + 16 + 24 * number
        x = LEFT + WIDTH + 18
        parts += [
            f'<polyline points="{_points(found)}" fill="none" stroke="{colour}" '
            'stroke-width="2.5"/>',
            f'<line x1="{x}" y1="{y}" x2="{x + 26}" y2="{y}" stroke="{colour}" stroke-width="3"/>',
            f'<text x="{x + 33}" y="{y + 5}">{name}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def write_figure(curves: dict[str, list[float]]) -> None:
    """Write docs/review.svg."""
    PATH.write_text(figure(curves))


def _points(found: list[float]) -> str:
    step = WIDTH / (len(found) - 1)
    return " ".join(
        f"{LEFT + i * step:.1f},{TOP + HEIGHT * (1.0 - share):.1f}" for i, share in enumerate(found)
    )
