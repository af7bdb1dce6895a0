"""Progress bars on standard error, one per stage."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

__all__ = ["StageBars"]


class StageBars:
    """Bars that appear as stages begin; `update` takes (stage, done, total)."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<44}"),
            BarColumn(24),
            TextColumn("{task.completed:>4.0f}/{task.total:<4.0f}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        """Show the bars."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the bars as they stand."""
        self._progress.stop()

    def update(self, stage: str, done: int, total: int) -> None:
        """Move the bar of `stage`, which begins with its first update."""
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)
