"""What the monitors found out about a version, as far as its verdicts must say so."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import pandas as pd

from segqc_conformal.canonical_json import canonical_json, sha256_hex
from segqc_conformal.errors import FileFormatError, on_one_line

__all__ = ["LOST", "Standing", "StateName", "ToldStandings"]

StateName = Literal["OK", "BENIGN", "STALE", "WATCH", "HARM"]
SCHEMA = "standing/1"


@dataclass(frozen=True)
class Standing:
    """What is known of the promises of one segment.

    Parameters
    ----------
    segment : str
        "all", or a site for which the gate promises by itself.
    sites : tuple of str or None
        Its sites; None: every site.
    state : {"OK", "BENIGN", "STALE", "WATCH", "HARM"}
    since : str or None
        Time, in ISO form, of the last change of state.
    reasons : tuple of str
        Why it is not OK, in words.
    refer : bool
        Whether every case is referred now.

    Notes
    -----
    Guarantee: none by itself; see the monitors.

    Examples
    --------
    >>> Standing("all", None, "WATCH", "2026-11-28T08:00:00+00:00", ("x changed",), False).words
    'WATCH since 2026-11-28: the promises are suspended until audits decide (x changed).'
    """

    segment: str
    sites: tuple[str, ...] | None
    state: StateName
    since: str | None
    reasons: tuple[str, ...]
    refer: bool

    @property
    def headline(self) -> str:
        """What it means, without the reasons; empty where nothing is wrong."""
        meaning = {
            "WATCH": "the promises are suspended until audits decide",
            "HARM": "audits show that a promise is broken; every case is referred until there is "
            "a new version",
            "STALE": "evidence is missing, so the promises are not known to hold",
        }.get(self.state)
        if meaning is None:
            return ""
        since = f" since {self.since[:10]}" if self.since else ""
        return f"{self.state}{since}: {meaning}"

    @property
    def words(self) -> str:
        """What a verdict says of it; empty where nothing."""
        return f"{self.headline} ({'; '.join(self.reasons)})." if self.headline else ""

    def covers(self, site: str) -> bool:
        """Whether a site belongs to the segment."""
        return self.sites is None or site in self.sites

    def applied(self, verdicts: pd.DataFrame) -> pd.DataFrame:
        """Say it in the verdicts of the segment, and refer them where that is due."""
        if not self.words:
            return verdicts
        out, here = verdicts.copy(), verdicts["site"].map(self.covers).astype(bool)
        out.loc[here, "message"] = self.words + " " + out.loc[here, "message"].astype(str)
        if self.refer:
            stopped = here & out["accept"].astype(bool)
            out.loc[stopped, "reason"] = "promise_suspended"
            out.loc[here, "accept"] = False
        return out


LOST = Standing(
    "all",
    None,
    "STALE",
    None,
    ("what the monitors found is lost: run `segqc monitor run`",),
    refer=True,
)


@dataclass(frozen=True)
class ToldStandings:
    """The standings of a version as a run of the monitors told them.

    Parameters
    ----------
    version : str
    log : str
        When the monitors of this log began, which tells one log from another.
    told : str
        Time of the run, in ISO form.
    stale_after_days : int
        Age from which on a silent monitor is no evidence any more.
    segments : tuple of Standing

    Notes
    -----
    Guarantee: none by itself.
    """

    version: str
    log: str
    told: str
    stale_after_days: int
    segments: tuple[Standing, ...]

    def at(self, now: datetime) -> tuple[Standing, ...]:
        """Return what holds now: STALE where all was well but no run has looked for too long."""
        if now - datetime.fromisoformat(self.told) < timedelta(days=self.stale_after_days):
            return self.segments
        silent = f"no run of the monitors since {self.told[:10]}"
        return tuple(
            replace(each, state="STALE", since=self.told, reasons=(silent,))
            if not each.words
            else each
            for each in self.segments
        )

    def to_json(self) -> str:
        """Return this as JSON, closed by a checksum."""
        body = {"schema": SCHEMA, **asdict(self)}
        return canonical_json({**body, "sha256": sha256_hex(canonical_json(body).encode())})

    @classmethod
    def from_json(cls, text: str, version: str) -> ToldStandings:
        """Read what `to_json` wrote for that version.

        Raises
        ------
        FileFormatError
            If it is of another version, or was changed.
        """
        try:
            fields = json.loads(text)
            digest, schema = fields.pop("sha256"), fields["schema"]
            if digest != sha256_hex(canonical_json(fields).encode()):
                raise ValueError("a checksum that does not fit")
            if (fields.pop("schema"), fields["version"]) != (SCHEMA, version):
                raise ValueError(f"{schema} of version {fields['version']}")
            segments = tuple(_standing(each) for each in fields.pop("segments"))
            return cls(**fields, segments=segments)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FileFormatError(
                f"the standing of version {version[:12]} as `segqc monitor run` wrote it",
                on_one_line(error),
                "run `segqc monitor run` again, which writes it anew",
            ) from error


def _standing(fields: dict[str, Any]) -> Standing:
    sites = None if fields["sites"] is None else tuple(fields["sites"])
    return Standing(**{**fields, "sites": sites, "reasons": tuple(fields["reasons"])})
