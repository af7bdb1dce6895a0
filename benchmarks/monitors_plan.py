"""What is simulated, and how often: the full run, and the quick one of the tests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import monitors_benign as benign
import monitors_compare as compare
import monitors_coverage as coverage
import monitors_harm as harm
import monitors_patterns as patterns
import monitors_union as union
import monitors_watch as watch
from joblib import Parallel, delayed
from monitors_rivals import DETECTORS
from monitors_streams import SHIFTS

FIGURES = Path(__file__).with_name("monitors.json")
SEED = 31
LATE_SHIFT = 0.5
ALPHAS = (0.10, 0.05)


class Size(NamedTuple):
    """Runs of each kind, and lengths of the streams."""

    delays: int
    twenty: int
    control: int
    cases: int
    several: int
    coupled: int
    coupled_cases: int
    patterns: int
    late: int
    long_quiet: int
    audits: int
    strata: int
    benign: int
    rivals: int
    settings: tuple[tuple[int, int], ...]  # calibration values and quiet cases without a target


FULL = Size(
    delays=600,
    twenty=200,
    control=1_000,
    cases=10_000,
    several=200,
    coupled=6_000,
    coupled_cases=2_000,
    patterns=400,
    late=60,
    long_quiet=200_000,
    audits=4_000,
    strata=500,
    benign=1_000,
    rivals=150,
    settings=tuple(
        (calibration, quiet)
        for calibration in (500, 200, 80)
        for quiet in (0, 100, 5_000)
        if (calibration, quiet) != (500, 5_000)
    ),
)
QUICK = Size(
    delays=40,
    twenty=4,
    control=200,
    cases=2_000,
    several=60,
    coupled=2_000,
    coupled_cases=1_000,
    patterns=60,
    late=20,
    long_quiet=12_000,
    audits=1_000,
    strata=60,
    benign=200,
    rivals=20,
    settings=((80, 0),),
)


class Task(NamedTuple):
    """One simulation, independent of all others; its rows belong to `part` of the figures."""

    part: str
    simulate: Callable[..., Any]
    arguments: tuple[Any, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Simulate."""
        found = self.simulate(*self.arguments)
        return found if isinstance(found, list) else [found]


def tasks(size: Size) -> list[Task]:
    """Everything that is simulated, the longest first."""
    return [*_late(size), *_rivals(size), *_delays(size), *_promises(size), *_harm(size)]


def simulated(
    size: Size, processes: int = 1, without: Collection[str] = ()
) -> dict[str, list[dict[str, Any]]]:
    """Run all simulations but those of detectors in `without`; rows by part, in their order."""
    planned = [task for task in tasks(size) if task.arguments[0] not in without]
    done = Parallel(n_jobs=processes, verbose=5 if processes > 1 else 0)(
        delayed(task.rows)() for task in planned
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for task, rows in zip(planned, done, strict=True):
        found.setdefault(task.part, []).extend(rows)
    return found


def _delays(size: Size) -> Iterator[Task]:
    for shift in SHIFTS:
        yield Task("delays", watch.delays_of_twenty, (size.twenty, shift, SEED))
        one = (size.delays, shift, watch.CALIBRATION, watch.QUIET, SEED)
        yield Task("delays", watch.delays, one)
        for setting in size.settings:
            yield Task("delays", watch.delays, (size.delays // 4, shift, *setting, SEED))


def _late(size: Size) -> Iterator[Task]:
    for name in DETECTORS:
        for quiet in (size.long_quiet, size.long_quiet // 10, 1_000):
            yield Task("late", compare.late_delay, (name, size.late, quiet, LATE_SHIFT, SEED))


def _rivals(size: Size) -> Iterator[Task]:
    for name in DETECTORS:
        yield Task("false_alarms", compare.false_alarms, (name, 2 * size.rivals, size.cases, SEED))
        yield Task("compared", compare.shift_delays, (name, size.rivals, SEED))


def _promises(size: Size) -> Iterator[Task]:
    for calibration in (80, 500):
        control = (size.control, calibration, size.cases, SEED)
        yield Task("promises", watch.in_control, control)
    yield Task("promises", union.several_streams, (size.several, 20, size.cases, SEED))
    yield Task("promises", union.averaged, (size.coupled, size.coupled_cases, SEED))
    for simulate in (patterns.weekday_row, patterns.mix_row, patterns.repeat_row):
        yield Task("promises", simulate, (size.patterns, size.cases, SEED))
    for alpha in ALPHAS:
        yield Task("promises", harm.in_control, (size.audits, alpha, SEED))
    for calibration in (50, 200):
        yield Task("promises", coverage.calibration_draws, (size.audits, calibration, SEED))
    yield Task("promises", coverage.strata, (size.strata, size.cases, SEED))
    yield Task("promises", benign.wrongly_closed, (size.audits, SEED))


def _harm(size: Size) -> Iterator[Task]:
    for alpha, multiple in harm.TARGETS:
        yield Task("harm", harm.delays, (size.audits, alpha, multiple, SEED))
    for alpha in ALPHAS:
        yield Task("harm_control", harm.mapie_in_control, (size.audits // 8, alpha, SEED))
    yield Task("benign", benign.benign, (size.benign, SEED))
