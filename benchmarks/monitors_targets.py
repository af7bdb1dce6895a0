"""Every target of the monitors with what was measured, and whether it was met."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

ALLOWED_RATIO = 1.2
OURS = "segqc-conformal"


class Target(NamedTuple):
    """One target; `measured` in words."""

    what: str
    setting: str
    measured: str
    target: str
    met: bool


def targets(figures: dict[str, Any]) -> list[Target]:
    """Read every target off the figures."""
    return [*_delays(figures["simulated"]), *_late(figures["simulated"]), *_costs(figures)]


def spread(row: dict[str, Any]) -> str:
    """Median, its 95 % interval, and the 90 % quantile in brackets."""
    if row["median"] is None:
        return "not within the run"
    return f"{row['median']} [{row['low']}, {_or_more(row['high'])}] ({_or_more(row['p90'])})"


def late_ratio(simulated: dict[str, Any], detector: str = OURS) -> float | None:
    """Median delay after the long quiet time over that after the short one."""
    rows = [row for row in simulated["late"] if row["detector"] == detector]
    late, early = (pick(rows, key=lambda row: row["quiet"]) for pick in (max, min))
    if late["median"] is None or early["median"] is None:
        return None
    return float(late["median"] / early["median"])


def _or_more(value: int | None) -> str:
    return "never" if value is None else str(value)


def _delays(simulated: dict[str, Any]) -> Iterator[Target]:
    for row in sorted(simulated["delays"], key=lambda row: (row["streams"], row["shift"])):
        if "target" in row:
            streams = "one stream" if row["streams"] == 1 else "20 streams, the primary one moves"
            setting = f"{streams}, {row['shift']:g} sd after {row['quiet']:,} quiet cases"
            goal = f"≤ {row['target']}"
            yield Target("WATCH, cases", setting, spread(row), goal, row["met"])
    for row in simulated["harm"]:
        if "target" in row:
            setting = f"α = {row['alpha']:g}, error {row['multiple']:g} α"
            yield Target("HARM, audits", setting, spread(row), f"≤ {row['target']}", row["met"])


def _late(simulated: dict[str, Any]) -> Iterator[Target]:
    ratio = late_ratio(simulated)
    quiet = [row["quiet"] for row in simulated["late"]]
    yield Target(
        "WATCH, no blindness",
        f"delay after {max(quiet):,} quiet cases over that after {min(quiet):,}, horizon 10⁶",
        "never" if ratio is None else f"{ratio:.2f}",
        f"≤ {ALLOWED_RATIO:g}",
        ratio is not None and ratio <= ALLOWED_RATIO,
    )


def _costs(figures: dict[str, Any]) -> Iterator[Target]:
    rows = figures["cost"]["watch"]
    for streams, sites in dict.fromkeys((row["streams"], row["sites"]) for row in rows):
        shape = [row for row in rows if (row["streams"], row["sites"]) == (streams, sites)]
        slowest, largest = (max(row[name] for row in shape) for name in ("us", "bytes"))
        yield Target(
            "one update",
            f"streams × sites = {streams} × {sites}, after up to {shape[-1]['seen']:,} cases",
            f"{slowest:.0f} µs, {largest / 1e6:.3f} MB",
            f"≤ {shape[0]['goal_us']:,.0f} µs, ≤ 1 MB",
            all(row["met"] for row in shape),
        )
