"""The Beta law of coverage after recalibration, as parts of the section of recalibration."""

from __future__ import annotations

from typing import Any

from markdown_table import table
from recalibration_law import LEVEL
from recalibration_world import OURS, TWINS


def simulated_part(rows: list[dict[str, Any]]) -> str:
    """Write the part about the simulated law."""
    lines = [
        (
            row["fresh"],
            who,
            found["patients"],
            found["repeats"],
            f"{found['mean']:.4f} ({found['law_mean']:.4f} ± {found['reach']:.4f})",
            f"{found['sd']:.4f} ({found['law_sd']:.4f})",
            f"{found['below']}, {found['above']}",
            f"{found['p_value']:.2g}",
            ("yes" if found["kept"] else "no") if who == OURS else _caught(found),
        )
        for row in rows
        for who, found in ((who, row[who]) for who in (OURS, *TWINS))
    ]
    head = (
        "labels",
        "of",
        "that calibrate",
        "repeats",
        "mean coverage (law ± band)",
        "sd (law)",
        "below, above the central 95 %",
        "Kolmogorov-Smirnov p",
        "kept",
    )
    judged = rows[0][OURS]["of"]
    return f"""### Coverage after recalibration keeps to its Beta law

With n calibration patients and nonconformity without ties, the coverage that one calibration
reaches is Beta(n + 1 − l, l), l = ⌊0.1 (n + 1)⌋; ties only add to it, clipping to [0, 1] changes
nothing, as no Dice lies outside. So one recalibration may well cover 85 % or 95 %; what is tested
is that many of them scatter as the law says. In a simulated world whose features, Dice and scatter
change, `recalibrate` itself is run with fresh patients each time, the quality predictor stays, and
each version judges {judged:,.0f} new patients. Of 100 labels, 20 go to the shadow check. The mean
and the whole law are tested, all together at {100 * LEVEL:g} %.

{table(head, lines)}"""


def _caught(found: dict[str, Any]) -> str:
    return "**no**: not caught" if found["kept"] else "no: caught"


def real_part(real: dict[str, Any]) -> str:
    """Write the part about real patients of the new kind."""
    lines = [
        (
            name,
            size,
            who,
            found["repeats"],
            f"{found['of']:.0f}",
            f"{found['mean']:.3f} ({found['law_mean']:.3f})",
            f"{found['sd']:.3f} ({found['law_sd']:.3f})",
            f"{100 - 100 * (found['below'] + found['above']) / found['repeats']:.1f} %",
            f"{found['below']}, {found['above']}",
        )
        for name, each in real.items()
        for size, row in each["fresh"].items()
        for who, found in (("recalibrated", row["ours"]), ("not recalibrated", row["stale"]))
    ]
    head = (
        "patients of the new kind",
        "labels",
        "version",
        "repeats",
        "others judged",
        "mean coverage (law)",
        "sd (law)",
        "within the central 95 %",
        "below, above it",
    )
    rows = [row for each in real.values() for row in each["fresh"].values()]
    checked, same, vetoed = (sum(row[key] for row in rows) for key in ("checked", "same", "vetoed"))
    certified = ", ".join(
        f"{row['certified']} of {row['checked']} ({name}, {size} labels)"
        for name, each in real.items()
        for size, row in each["fresh"].items()
    )
    return f"""### The same on real patients of the new kind

Without a stream: in each repeat other patients fit and calibrate, then 60 or 100 random patients of
the new kind recalibrate and all others of that kind are judged. Intervals held among so few are
Beta-binomial where repeats are independent; here they share their patients, so that this stands
beside the law and does not test it. A version that was not recalibrated is shown against the law
that it should have kept. Intervals are made on arrays; in {checked} recalibrations `recalibrate`
itself was run, and {same} of them gave the same counts. The shadow check vetoed {vetoed} of them.
An accept threshold was certified in {certified}.

{table(head, lines)}"""
