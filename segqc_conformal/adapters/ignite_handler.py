"""An Ignite handler that judges every case of an evaluation by MONAI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from segqc_conformal.adapters.monai_transform import JudgeSegmentationd
from segqc_conformal.errors import InputError
from segqc_conformal.judged_model import Verdict

if TYPE_CHECKING:
    from ignite.engine import Engine

__all__ = ["VerdictHandler"]


class VerdictHandler:
    """Judge each case of an evaluation; attach it like any handler of MONAI.

    After each iteration every dictionary of ``engine.state.output`` (MONAI decollates it into one
    a case) has what `JudgeSegmentationd` adds. After the run ``engine.state.verdicts`` is the
    verdict table of all cases and ``engine.state.features`` their feature table.

    Parameters
    ----------
    transform : JudgeSegmentationd

    Raises
    ------
    InputError
        When used: if the evaluator does not decollate, and where the transform refuses a case.

    Notes
    -----
    The judge draws its own samples of each image, beside the pass of the evaluation, and leaves
    network and random state as found. It is a handler of `SupervisedEvaluator` and its like, whose
    output is a list of dictionaries.
    Guarantee: that of the judge.
    """

    def __init__(self, transform: JudgeSegmentationd) -> None:
        self.transform = transform
        self._found: list[Verdict] = []

    def attach(self, engine: Engine) -> None:
        """Listen to an engine."""
        from ignite.engine import Events

        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._judge)
        engine.add_event_handler(Events.COMPLETED, self._put_together)

    def _start(self, engine: Engine) -> None:
        self._found = []

    def _judge(self, engine: Engine) -> None:
        batch, output = engine.state.batch, engine.state.output
        if not isinstance(output, list) or not isinstance(batch, list):
            raise InputError(
                "an evaluator that gives one dictionary for each case",
                type(output).__name__,
                "leave decollate=True",
            )
        # ids that came with the data stand in the batch alone
        for given, data in zip(batch, output, strict=True):
            added, verdicts = self.transform.with_verdicts({**given, **data})
            data.update({name: added[name] for name in added.keys() - given.keys()})
            self._found += verdicts

    def _put_together(self, engine: Engine) -> None:
        state: Any = engine.state
        state.verdicts = _table([verdict.rows for verdict in self._found])
        state.features = _table([verdict.features for verdict in self._found])


def _table(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
