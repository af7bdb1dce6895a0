"""Every promise of the calibrators, simulated where the truth is known, each beside its twin.

``python benchmarks/guarantees.py`` prints the tables; ``--write`` also saves the figures to
``benchmarks/guarantees.json`` and writes docs/benchmarks.md anew; ``--quick`` takes seconds, as
the tests do; ``--speed`` measures the times alone anew, on a machine that does nothing else.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy loads: simulations run in parallel

import argparse
import json
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from guarantees_check import FAMILY_ERROR, judged
from guarantees_page import section
from guarantees_plan import cells_of, tasks
from joblib import Parallel, delayed
from page import write_page

FIGURES = Path(__file__).with_suffix(".json")
LIBRARIES = ("crepes", "mapie", "numpy", "scikit-learn", "scipy")
# World, calibration patients and draws at which the rules for an accept threshold are compared.
COMPARISONS = (
    ("cases", 200, 4000),
    ("cases", 500, 4000),
    ("floor", 200, 2000),
    ("floor", 500, 2000),
    ("good", 40, 2000),
    ("good", 80, 2000),
    ("good", 160, 2000),
)


def promises(quick: bool, processes: int = 1) -> list[dict[str, Any]]:
    """Simulate and judge every cell; the band accounts for how many there are."""
    planned = tasks(quick)
    # the largest first: they take longest
    order = sorted(range(len(planned)), key=lambda i: -planned[i][1])
    done = Parallel(n_jobs=processes, verbose=0 if quick else 1)(
        delayed(cells_of)(*planned[i], quick) for i in order
    )
    found = [pair for _, pairs in sorted(zip(order, done, strict=True)) for pair in pairs]
    rows = judged([cell for _, cell in found])
    return [{"part": part, **row} for (part, _), row in zip(found, rows, strict=True)]


def comparisons(processes: int) -> list[dict[str, Any]]:
    """Compare the rules for an accept threshold, and the ranks, which others take."""
    done = Parallel(n_jobs=processes, verbose=1)(delayed(_compared)(*one) for one in COMPARISONS)
    return [row for rows in done for row in rows]


def _compared(world: str, n: int, draws: int) -> list[dict[str, Any]]:
    import numpy as np
    from guarantees_check import Run
    from guarantees_rules import compared
    from guarantees_worlds import CASES, FLOOR, GOOD

    worlds = {"cases": CASES, "floor": FLOOR, "good": GOOD}
    return compared(Run(n, draws, 0, np.random.default_rng([n, draws])), worlds[world])


def measure(processes: int) -> dict[str, Any]:
    """Make all figures but the times."""
    from guarantees_ranks import rank_figures

    begin = perf_counter()
    figures = {
        "promises": promises(quick=False, processes=processes),
        "rules": comparisons(processes),
        "ranks": rank_figures(),
    }
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{processes} CPU cores ({platform.machine()}), Python "
        f"{platform.python_version()}",
        "minutes": round((perf_counter() - begin) / 60, 1),
        "versions": {name: version(name) for name in LIBRARIES},
        "family_error": FAMILY_ERROR,
        **figures,
    }


def save(figures: dict[str, Any]) -> None:
    """Write the figures, one row on a line."""
    parts = []
    for name, value in figures.items():
        text = json.dumps(_short(value))
        if isinstance(value, list):
            text = "[\n  " + ",\n  ".join(json.dumps(_short(row)) for row in value) + "\n ]"
        parts.append(f" {json.dumps(name)}: {text}")
    FIGURES.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, list):
        return [_short(one) for one in value]
    return {k: _short(v) for k, v in value.items()} if isinstance(value, dict) else value


def main() -> None:
    """Simulate, print and, where asked, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--quick", action="store_true", help="fewer draws and sizes, for a look")
    chosen.add_argument("--speed", action="store_true", help="only the times, and save them")
    chosen.add_argument("--write", action="store_true", help="save the figures and the page")
    options = parser.parse_args()
    if options.quick:
        for row in promises(quick=True):
            print({name: row[name] for name in ("promise", "world", "n", "passes", "caught")})
        return
    from intervals_speed import speed

    figures = json.loads(FIGURES.read_text()) if options.speed else measure(options.processes)
    figures["speed"] = speed()
    if options.speed or options.write:
        save(figures)
        write_page()
    print(section(figures))


if __name__ == "__main__":
    main()
