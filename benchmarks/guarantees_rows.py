"""Cells of one promise in one world over all numbers of patients, as one row of a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

POWER_AT = 200
HEAD = (
    "promise",
    "world",
    "n",
    "promised",
    "realised, nearest its limit [band]",
    "power",
    "twin: its rate, where it stands out most (caught at n)",
)


def promise_rows(cells: Iterable[dict[str, Any]]) -> list[tuple[str, ...]]:
    """One row for each promise and world, in the order of the cells."""
    kinds: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for cell in cells:
        kinds.setdefault((cell["promise"], cell["world"]), []).append(cell)
    return [_row(found) for found in kinds.values()]


def _row(cells: list[dict[str, Any]]) -> tuple[str, ...]:
    nearest = min(cells, key=_room)
    failed = dict.fromkeys(str(cell["n"]) for cell in cells if not cell["passes"])
    twins = dict.fromkeys(cell["twin"] for cell in cells)
    return (
        nearest["promise"],
        nearest["world"],
        _span(cells),
        _promised(cells),
        f"{nearest['realised']:.4f} at {nearest['n']} {_band(nearest['band'])}"
        + (f" **fails at {', '.join(failed)}**" if failed else ""),
        _power(cells),
        "; ".join(_twin([cell for cell in cells if cell["twin"] == twin]) for twin in twins),
    )


def _room(cell: dict[str, Any]) -> float:
    """How far the rate lies from its nearest limit, in units of the allowed deviation."""
    low, high = cell["band"]
    centre = cell["promised"] if cell["expected"] is None else cell["expected"]
    above = (cell["realised"] - low) / max(centre - low, 1e-9)
    below = (high - cell["realised"]) / max(high - centre, 1e-9)
    if cell["expected"] is not None:
        return float(min(above, below))
    return float(above if cell["unsafe"] == "below" else below)


def _twin(cells: list[dict[str, Any]]) -> str:
    clearest = max(cells, key=_excess)
    caught = [str(cell["n"]) for cell in cells if cell["caught"]]
    where = "all" if len(caught) == len(cells) else ", ".join(caught) or "**none**"
    return f"{clearest['twin']}: {clearest['twin_realised']:.4f} at {clearest['n']} ({where})"


def _excess(cell: dict[str, Any]) -> float:
    beyond = cell["twin_realised"] - cell["twin_limit"]
    return float(-beyond if cell["unsafe"] == "below" else beyond)


def _span(cells: list[dict[str, Any]]) -> str:
    sizes = sorted({cell["n"] for cell in cells})
    return ", ".join(map(str, sizes)) if len(sizes) < 3 else f"{sizes[0]}–{sizes[-1]}"


def _promised(cells: list[dict[str, Any]]) -> str:
    values = sorted({cell["promised"] for cell in cells})
    if all(cell["expected"] == cell["promised"] for cell in cells):
        return f"= {values[0]:g}"
    sign = "≥" if cells[0]["unsafe"] == "below" else "≤"
    return f"{sign} " + ", ".join(f"{value:g}" for value in values)


def _power(cells: list[dict[str, Any]]) -> str:
    """Width or share accepted of ours / MAPIE / crepes, at 200 patients or the nearest number."""
    given = [cell for cell in cells if cell["power"]]
    if not given:
        return ""
    cell = min(given, key=lambda one: abs(one["n"] - POWER_AT))
    power = cell["power"]
    others = [f"{_size(power[name])} {name}" for name in ("MAPIE", "crepes") if name in power]
    at = "" if cell["n"] == POWER_AT else f" (n = {cell['n']})"
    return " / ".join([_size(power.get("same draws", power["ours"])), *others]) + at


def _size(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:.0f}"


def _band(band: list[float]) -> str:
    low, high = band
    if low == 0.0 and high < 1.0:
        return f"[≤ {high:.4f}]"
    return f"[≥ {low:.4f}]" if high == 1.0 else f"[{low:.4f}, {high:.4f}]"
