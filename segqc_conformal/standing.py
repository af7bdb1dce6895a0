"""What the monitors found out about a version, as far as its verdicts must say so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import pandas as pd

from segqc_conformal.canonical_json import canonical_json, sha256_hex
from segqc_conformal.errors import FileFormatError, on_one_line

__all__ = ["Standing", "StateName", "standings_from_json", "standings_to_json"]

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
    def words(self) -> str:
        """What a verdict says of it; empty where nothing."""
        meaning = {
            "WATCH": "the promises are suspended until audits decide",
            "HARM": "audits show that a promise is broken; every case is referred until there is "
            "a new version",
            "STALE": "evidence is missing, so the promises are not known to hold",
        }.get(self.state)
        if meaning is None:
            return ""
        since = f" since {self.since[:10]}" if self.since else ""
        return f"{self.state}{since}: {meaning} ({'; '.join(self.reasons)})."

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


def standings_to_json(version: str, standings: Sequence[Standing]) -> str:
    """Return the standings of a version as JSON, closed by a checksum."""
    body = {
        "schema": SCHEMA,
        "version": version,
        "segments": [asdict(each) for each in standings],
    }
    return canonical_json({**body, "sha256": sha256_hex(canonical_json(body).encode())})


def standings_from_json(text: str, version: str) -> tuple[Standing, ...]:
    """Read what `standings_to_json` wrote for that version.

    Raises
    ------
    FileFormatError
        If it is of another version, or was changed.
    """
    try:
        fields = json.loads(text)
        digest = fields.pop("sha256")
        if digest != sha256_hex(canonical_json(fields).encode()):
            raise ValueError("a checksum that does not fit")
        if (fields["schema"], fields["version"]) != (SCHEMA, version):
            raise ValueError(f"{fields['schema']} of version {fields['version']}")
        return tuple(
            Standing(
                **{
                    **each,
                    "sites": None if each["sites"] is None else tuple(each["sites"]),
                    "reasons": tuple(each["reasons"]),
                }
            )
            for each in fields["segments"]
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileFormatError(
            f"the standing of version {version[:12]} as `segqc monitor run` wrote it",
            on_one_line(error),
            "run `segqc monitor run` again, which writes it anew",
        ) from error
