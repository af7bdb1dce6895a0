"""Values of new cases, by stream and site: what the label-free watches share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import inf, log
from typing import Any, ClassVar, Self

import pandas as pd
from numpy.typing import ArrayLike

from segqc_conformal.errors import FileFormatError, InputError, on_one_line
from segqc_conformal.monitors.start_values import (
    ALL_SITES,
    bags_by_site,
    checked_edges,
    checked_values,
    shares,
)
from segqc_conformal.monitors.stream_watch import StreamWatch
from segqc_conformal.monitors.watch_state import WatchState
from segqc_conformal.patients import stable_hash

__all__ = ["ValueWatch"]


class ValueWatch:
    """Cases in, evidence out: what `ExchangeabilityWatch` and `FixedProfileWatch` are.

    Notes
    -----
    Guarantee: none by itself; that of `STREAM` in each stream, and the union bound over streams.
    """

    SCHEMA: ClassVar[str]
    STREAM: ClassVar[type[StreamWatch]]

    def __init__(
        self,
        horizon: int = 10_000,
        false_alarm: float = 0.05,
        seed: int = 7,
        primary: str | None = None,
    ) -> None:
        if not (isinstance(horizon, int) and horizon >= 1 and 0.0 < false_alarm < 1.0):
            raise InputError(
                "horizon >= 1 (cases) and false_alarm in (0, 1)",
                (horizon, false_alarm),
                "for example horizon=10_000, false_alarm=0.05",
            )
        self.horizon, self.false_alarm = horizon, float(false_alarm)
        self._log_threshold = -log(self.false_alarm)
        self.seed, self.primary = seed, primary
        self.cases = 0
        self._streams: list[StreamWatch] = []
        self._sites: frozenset[str] = frozenset()
        self._last_time: dict[str, datetime] = {}

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the streams; empty before `start`."""
        return tuple(stream.name for stream in self._streams)

    def knows(self, site: str) -> bool:
        """Whether cases of a site can be taken."""
        return ALL_SITES in self._sites or site in self._sites

    def start(
        self,
        values: ArrayLike | pd.DataFrame,
        edges: ArrayLike | Mapping[str, ArrayLike] | None = None,
        sites: Sequence[str] | None = None,
    ) -> None:
        """Fill the bags with the calibration cases' values.

        Parameters
        ----------
        values : array_like of float, shape ``(cases,)``, or DataFrame
            One case per patient; a frame has one stream per column. ``-inf`` is a value.
        edges : array_like of float, or mapping of stream to array_like, optional
            Bin edges made without `values`: from the fit patients. None: one in five of `values`,
            drawn by the seed, set the edges and do not enter a bag.
        sites : sequence of str, shape ``(cases,)``, optional
            The site of each value; new cases are ranked among those of their site. None: one bag
            for all cases, and `update` does not look at the site.

        Raises
        ------
        InputError
            For NaN, ``+inf``, unusable edges or sites, an unnamed primary
            stream, or a second start.
        """
        if self._streams:
            raise InputError("a watch not yet started", "a second start", "make a new watch")
        frame = checked_values(values, self.primary or "value")
        bounds = shares([str(name) for name in frame.columns], self.primary, self.false_alarm)
        kept, edges_of = checked_edges(frame, edges, self.seed)
        by_site = bags_by_site(frame, sites, kept.index)
        self._sites = frozenset(by_site)
        self._streams = [
            self.STREAM(
                name,
                edges_of[name],
                {site: rows[name].tolist() for site, rows in by_site.items()},
                bounds[name],
                self.horizon,
            )
            for name in bounds
        ]

    def update(
        self,
        value: float | Mapping[str, float],
        case_id: str,
        site: str | None = None,
        time: datetime | None = None,
        repeat: bool = False,
    ) -> WatchState:
        """Take one new case, in the order in which the cases arrive.

        Parameters
        ----------
        value : float or mapping of str to float
            The case's value, or one per stream; ``-inf`` is a value (an empty prediction).
        case_id : str
            Decides the tie-breaker, so that a replay gives the same evidence bit for bit.
        site : str, optional
            One of the sites of `start`; not looked at if that had none.
        time : datetime, optional
            Not before that of the site's last case; without a time zone it is taken as UTC.
        repeat : bool
            True for a further case of a patient seen before: it gets no bet.

        Returns
        -------
        WatchState

        Raises
        ------
        InputError
            Naming the case: NaN or ``+inf``, a stream missing or not known, an unknown site, time
            going back, or no `start` before. The watch is then as it was.
        """
        if not isinstance(case_id, str):
            raise InputError("a case id that is a string", repr(case_id), "keep ids as text")
        place = self._site(site, case_id)
        numbers = self._numbers(value, case_id)
        if time is not None:
            time = self._time(time, place, case_id)
        if repeat:
            return self.state()
        if time is not None:
            self._last_time[place] = time
        self.cases += 1
        for stream, number in zip(self._streams, numbers, strict=True):
            uniform = _uniform(self.seed, stream.name, case_id)
            stream.update(number, place, uniform, case_id, self.cases)
        return self.state()

    def _site(self, site: str | None, case_id: str) -> str:
        place = site if ALL_SITES not in self._sites else ALL_SITES
        if place is None or place not in self._sites:
            raise InputError(
                f"a site among {sorted(self._sites)[:12]}",
                site,
                "calibrate with cases of this site, or correct its name",
                case_id,
            )
        return place

    def _numbers(self, value: float | Mapping[str, float], case_id: str) -> list[float]:
        try:
            if isinstance(value, Mapping):
                given = [float(value[stream.name]) for stream in self._streams]
                complete = len(value) == len(given)
            else:
                given = [float(value)]
                complete = len(self._streams) == 1
        except (KeyError, TypeError, ValueError):
            given, complete = [], False
        # NaN compares as False, so it is caught with +inf.
        if complete and all([number < inf for number in given]):
            return given
        raise InputError(
            f"a finite number (or -inf) for each of the streams {list(self.streams)[:12]}",
            value,
            "repair the feature, or leave the case out and report it as unusable",
            case_id,
        )

    def _time(self, time: datetime, site: str, case_id: str) -> datetime:
        if not isinstance(time, datetime) or time != time:  # pandas' NaT is not equal to itself
            raise InputError("a datetime, or None", time, "give None where unknown", case_id)
        aware = time.replace(tzinfo=UTC) if time.tzinfo is None else time
        last = self._last_time.get(site)
        if last is not None and not aware >= last:
            raise InputError(
                f"a time not before {last.isoformat()}, that of the last case of {site}",
                aware.isoformat(),
                "feed the cases of a site in the order of their time",
                case_id,
            )
        return aware

    def state(self) -> WatchState:
        """Return what the watch knows now."""
        excess = [stream.excess for stream in self._streams]
        evidence = max(excess) + self._log_threshold if excess else log(0.5)
        alarmed = [stream for stream in self._streams if stream.alarmed_at is not None]
        if not alarmed:
            return WatchState(False, evidence, self.cases, None, None, None, ())
        alarmed.sort(key=lambda stream: stream.alarmed_at or 0)
        first = alarmed[0]
        return WatchState(
            True,
            evidence,
            self.cases,
            first.alarmed_at,
            first.change_point,
            first.change_case_id,
            tuple([stream.name for stream in alarmed]),
        )

    def evidence(self) -> dict[str, float]:
        """Return each stream's log evidence less its threshold: descriptive, to rank streams."""
        return {stream.name: stream.excess for stream in self._streams}

    @property
    def frozen(self) -> tuple[str, ...]:
        """Streams whose last values are one and the same for too long to be ties.

        At one site, or over all of them, the run of exactly equal values is at least 20 long, and
        so long that ``q ** length < 1e-6``: q is the largest share of equal values in a bag.

        Notes
        -----
        Guarantee: none, and no effect on the evidence: a column that freezes at its median moves
        no p-value off 1/2 on average, so that the bets do not notice it.
        """
        return tuple([stream.name for stream in self._streams if stream.frozen])

    @property
    def constant(self) -> tuple[str, ...]:
        """Streams of which each bag holds one value only: they can only notice a move off it."""
        return tuple([stream.name for stream in self._streams if stream.constant])

    def to_json(self) -> str:
        """Return the whole state as JSON, whose size does not grow with the cases."""
        state = {
            "schema": self.SCHEMA,
            "horizon": self.horizon,
            "false_alarm": self.false_alarm,
            "seed": self.seed,
            "primary": self.primary,
            "cases": self.cases,
            "sites": sorted(self._sites),
            "last_time": {site: time.isoformat() for site, time in self._last_time.items()},
            "streams": [stream.state() for stream in self._streams],
        }
        # Compact: this is written at every commit.
        return json.dumps(state, sort_keys=True, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Go on from `text`, as `to_json` wrote it.

        Raises
        ------
        FileFormatError
            If `text` is not the state of such a watch.
        """
        try:
            state: dict[str, Any] = json.loads(text)
            if state["schema"] != cls.SCHEMA:
                raise ValueError(f"schema {state['schema']}")
            watch = cls(state["horizon"], state["false_alarm"], state["seed"], state["primary"])
            watch.cases, watch._sites = state["cases"], frozenset(state["sites"])
            watch._last_time = {
                site: datetime.fromisoformat(time) for site, time in state["last_time"].items()
            }
            watch._streams = [
                cls.STREAM.from_state(each, watch.horizon) for each in state["streams"]
            ]
        except (ValueError, KeyError, TypeError, AttributeError, InputError) as error:
            raise FileFormatError(
                f"a state of schema {cls.SCHEMA}",
                on_one_line(error),
                "restore the log from a backup, or start a new watch",
            ) from error
        return watch


def _uniform(seed: int, stream: str, case_id: str) -> float:
    # 53 bits and a half: never 0 and never 1, as a float holds them exactly.
    return ((stable_hash(seed, f"{stream}:{case_id}") >> 11) + 0.5) / 2.0**53
