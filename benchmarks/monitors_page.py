"""The figures of the monitors as a section of docs/benchmarks.md."""

from __future__ import annotations

from typing import Any

from markdown_table import table
from monitors_harm import HORIZON, QUIET
from monitors_real_page import real_section
from monitors_targets import OURS, late_ratio, spread, targets


def section(figures: dict[str, Any]) -> str:
    """Write the section; every number in it comes from `figures`."""
    simulated = figures["simulated"]
    parts = [
        _head(figures),
        _targets(figures),
        _promises(simulated["promises"] + [simulated["benign"][0]["harm"]]),
        _sizes(simulated["delays"]),
        _rivals(simulated),
        _harm(simulated),
        _benign(simulated["benign"][0]),
        _cost(figures["cost"]),
    ]
    if "real" in figures:
        parts.append(real_section(figures["real"]))
    return "\n\n".join([*parts, _limits()])


def _head(figures: dict[str, Any]) -> str:
    simulated = figures["simulated"]
    rows = [*simulated["promises"], simulated["benign"][0]["harm"]]
    twins = [row for row in rows if "twin" in row]
    found = targets(figures)
    versions = ", ".join(f"{name} {number}" for name, number in figures["versions"].items())
    minutes = ", ".join(f"{part} {number}" for part, number in figures["minutes"].items())
    return f"""## Monitors: alarms with a bound, beside twins, rivals and real streams

`SEGQC_DATA=... python benchmarks/monitors.py --write` (`--quick`: seconds, as in the tests):
{figures["date"]}, {figures["machine"]}, minutes: {minutes}; seed {figures["seed"]}; {versions}.

**{sum(row["kept"] for row in rows)} of {len(rows)} promises are kept,
{sum(row["caught"] for row in twins)} of {len(twins)} twins are caught,
{sum(target.met for target in found)} of {len(found)} targets are met.** Values are normal, shifts
in their standard deviation (sd), 500 calibration values, d = .05 and a horizon of 10,000 cases or
1,000 audits unless said otherwise. Many runs are simulated at once by arrays that the tests hold to
the classes, p-value by p-value."""


def _targets(figures: dict[str, Any]) -> str:
    rows = [
        (one.what, one.setting, one.measured, one.target, "yes" if one.met else "**no**")
        for one in targets(figures)
    ]
    head = ("what", "setting", "median [95 %] (90 % of runs)", "target", "met")
    late = [row for row in figures["simulated"]["late"] if row["detector"] == OURS]
    medians = ", ".join(
        f"{row['median']} [{row['low']}, {row['high']}] after {row['quiet']:,}"
        for row in sorted(late, key=lambda row: row["quiet"])
    )
    return f"""### Targets

{table(head, rows)}

No blindness: the median delays are {medians} quiet cases. Half of the evidence is a bet without a
restart, whose threshold does not grow with the horizon: soon after the start it is faster than the
restarted half can be at a horizon of 10⁶. Once it is spent, delays depend on the horizon alone."""


def _promises(rows: list[dict[str, Any]]) -> str:
    lines = [
        (
            row["promise"],
            row["setting"],
            f"{row['share']:.3f} of {row['runs']}",
            f"≤ {row['limit']:.3f}" + ("" if row["kept"] else " **broken**"),
            row.get("twin", ""),
            _twin(row),
        )
        for row in rows
    ]
    head = ("promise", "setting", "alarms", "bound + 2 se", "twin", "its alarms (caught)")
    return f"""### False alarms

Share of runs that went wrong; the bound is d, or d + d where a certificate has its own, with two
binomial standard errors. A twin breaks one rule and has to fail the same check. Each of the eight
dependent streams is a sequence of independent runs; which run of one comes beside which run of the
next was chosen so that their mean alarms as often as possible.

{table(head, lines)}"""


def _twin(row: dict[str, Any]) -> str:
    if "twin" not in row:
        return ""
    return f"{row['twin_share']:.3f} of {row['twin_runs']} ({'yes' if row['caught'] else '**no**'})"


def _sizes(rows: list[dict[str, Any]]) -> str:
    one = [row for row in rows if row["streams"] == 1]
    shifts = sorted({row["shift"] for row in one})
    by = {(row["calibration"], row["quiet"], row["shift"]): row for row in one}
    settings = sorted({(row["calibration"], row["quiet"]) for row in one})
    lines = []
    for calibration, quiet in settings:
        cells = [by[calibration, quiet, shift] for shift in shifts]
        runs, early = cells[0]["runs"], cells[0]["early"]
        shown = (f"{spread(cell)}{_missed(cell)}" for cell in cells)
        lines.append((calibration, quiet, *shown, f"{early} of {runs}"))
    head = (
        "calibration values",
        "quiet cases before",
        *(f"{shift:g} sd" for shift in shifts),
        "alarmed before",
    )
    return f"""### WATCH by calibration size and moment of the change

Median delay in cases [95 %] (90 % of runs). A small bag is soon full of changed cases: a change at
go-live that is not noticed at first becomes the new normal, and is never noticed.

{table(head, lines)}"""


def _missed(row: dict[str, Any]) -> str:
    return f", {row['missed']} missed" if row["missed"] else ""


def _rivals(simulated: dict[str, Any]) -> str:
    changes = list(dict.fromkeys(row["change"] for row in simulated["compared"]))
    compared = {(row["detector"], row["change"]): row for row in simulated["compared"]}
    quiets = sorted({row["quiet"] for row in simulated["late"]})
    late = {(row["detector"], row["quiet"]): row for row in simulated["late"]}
    lines = []
    for row in simulated["false_alarms"]:
        name = row["detector"]
        ratio = late_ratio(simulated, name)
        lines.append(
            (
                name,
                f"{row['share']:.3f}",
                *(_brief(compared[name, change]) for change in changes),
                *(_brief(late[name, quiet]) for quiet in quiets),
                "" if ratio is None else f"{ratio:.2f}",
            )
        )
    control = simulated["false_alarms"][0]
    head = (
        "detector",
        f"alarms in {control['cases']:,} quiet cases",
        *changes,
        *(f"{late[OURS, quiet]['change']} after {quiet:,}" for quiet in quiets),
        "ratio",
    )
    runs, late_runs = simulated["compared"][0]["runs"], simulated["late"][0]["runs"]
    return f"""### WATCH beside others

The same streams for all: {control["runs"]} quiet runs, {runs} for each change after 5,000 quiet
cases, {late_runs} for the last columns, where rules with a horizon have one of 10⁶. Median delay in
cases (90 % of runs); a drift counts from its start.

{table(head, lines)}

- MAPIE `OnlineMartingaleTest` takes labels; here its scores are the values. It has no horizon and
  no restart: while all is quiet its wealth sinks, and later has to be won back.
- online-cp gives Shiryaev-Roberts around a simple jumper; its alarm is set to horizon / d here,
  which gives our bound. Ours also bets without a restart, which pays at go-live.
- Weekly KS: 100 cases a week against the calibration cases at level d / weeks in the horizon.
- river ADWIN with default settings on the share of calibration cases below the value: no bound is
  promised. It, weekly KS and "every 100 cases" go on after an alarm, so delays count whatever came
  before; the delays of others leave out runs that had alarmed before.
- "Alarm every 100 cases" has the shortest delays of all: a delay says nothing without its false
  alarms."""


def _brief(row: dict[str, Any]) -> str:
    if row["median"] is None:
        return f"not in {row['missed']} of {row['missed']}" if row["missed"] else "none left"
    p90 = "never" if row["p90"] is None else row["p90"]
    return f"{row['median']} ({p90})"


def _harm(simulated: dict[str, Any]) -> str:
    ours = [row for row in simulated["promises"] if row["promise"].startswith("HARM in control")]
    control = {(row["monitor"], f"{row['alpha']:g}"): row for row in simulated["harm_control"]}
    lines = []
    for row in simulated["harm"]:
        alpha = f"{row['alpha']:g}"
        theirs = control.get((row["monitor"], alpha))
        if theirs is None:
            theirs = next(one for one in ours if f"α = {alpha}," in one["setting"])
        setting = (alpha, f"{row['multiple']:g} α", row["monitor"])
        lines.append(
            (*setting, spread(row), f"{row['early']} of {row['runs']}", f"{theirs['share']:.3f}")
        )
    head = (
        "α",
        "error",
        "monitor",
        "audits, median [95 %] (90 %)",
        "alarmed before",
        "false alarms at error α, 1,000 audits",
    )
    return f"""### HARM: audits until a larger error is noticed

Error 0.8 α for 300 audits, then as given. MAPIE `RiskMonitoring(threshold=α)` tests the mean error
of all audits since the start, so that every quiet audit delays it; its promise has no horizon.

{table(head, lines)}"""


def _benign(row: dict[str, Any]) -> str:
    closed, watch = row["closed"], row["watch"]
    return f"""### BENIGN: a change of the features alone

Features move by 1 sd, the error stays {row["risk"]:g} (α = .10): WATCH alarms after a median of
{watch["median"]} cases ({watch["p90"]} in 90 % of {watch["runs"]} runs); HARM alarms in
{row["harm"]["share"]:.3f} of runs. Audits of cases after the alarm alone close it at
{row["bound"]:.2f} after a median of {closed["median"]} audits ({closed["p90"]} in 90 % of runs,
{closed["missed"]} not within {HORIZON - QUIET}).
Closed too early: see the row of BENIGN among the false alarms."""


def _cost(cost: dict[str, Any]) -> str:
    theirs = {row["seen"]: row for row in cost["MAPIE"]}
    shapes = list(dict.fromkeys((row["streams"], row["sites"]) for row in cost["watch"]))
    by = {(row["streams"], row["sites"], row["seen"]): row for row in cost["watch"]}
    lines = []
    for seen, mapie in theirs.items():
        cells = [by[*shape, seen] for shape in shapes]
        times = (f"{cell['us']:.0f} µs, {cell['bytes'] / 1000:.0f} kB" for cell in cells)
        ratio = mapie["us"] / cells[0]["us"]
        alone = f"{mapie['alone_us']:,.0f} µs"
        lines.append((f"{seen:,}", *times, f"{mapie['us']:,.0f} µs", alone, f"{ratio:,.0f}"))
    head = (
        "cases seen",
        *(f"{streams} × {sites} streams × sites" for streams, sites in shapes),
        "MAPIE, one stream",
        "its p-value and bet alone",
        "MAPIE / ours",
    )
    return f"""### Time of one update, and size of the state

Best of 30 blocks of 100 updates, MAPIE of 20 updates, on one core, load before {cost["load"]:g};
other work slows long updates more than short ones. MAPIE is `OnlineMartingaleTest`,
which keeps every score. What is left of earlier cases is put into the state of both.

{table(head, lines)}"""


def _limits() -> str:
    return """### What these figures do not say

- Simulated values are independent and normal, with one change; delays of other changes differ.
  False alarms do not depend on the law of the values.
- WATCH says that something changed, not that masks became worse; HARM says how audits stand.
- Everything between a change and its alarm was released under the old promise."""
