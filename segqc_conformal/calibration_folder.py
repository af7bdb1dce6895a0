"""The calibration folder: immutable versions named by their content, and which one is in force."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from segqc_conformal.adapters.skops_store import load_models
from segqc_conformal.canonical_json import sha256_hex
from segqc_conformal.certificate import GateCertificate
from segqc_conformal.errors import CalibrationError, FileFormatError, InputError, TamperedError
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.quality.predictor import FittedQuality
from segqc_conformal.replaced_file import on_disk, replaced_at_once
from segqc_conformal.standing import LOST, Standing, ToldStandings

__all__ = ["CalibrationFolder", "Switch", "first_look"]

FILES = {"certificate.json", "predictor.skops", "profile.parquet"}
VERSION = re.compile(r"[0-9a-f]{64}")
# entries of the history that put no version in force
VETO, WATCH = "veto", "watch"


@dataclass(frozen=True)
class Switch:
    """One change of the version in force: when, to which, by whom and why."""

    at: str
    action: str
    version: str
    by: str
    reason: str


@dataclass(frozen=True)
class CalibrationFolder:
    """A folder of calibration versions.

    ``<id>/`` holds ``certificate.json``, ``predictor.skops`` and ``profile.parquet``; the id is
    the SHA-256 of the certificate, which holds the hashes of the other two. ``ACTIVE`` names the
    version in force on its first line and keeps every switch below it, closed by a checksum; it
    is replaced at once, so a reader sees the old or the new version, never half of one.
    ``<id>.standing.json`` is what the monitors found out about a version, for its verdicts to say.

    Parameters
    ----------
    path : str or Path

    Notes
    -----
    Guarantee: none statistical. Any changed byte is detected on loading; the checksums protect
    against damage and careless edits, not against someone who rewrites them too.
    """

    path: str | Path

    @property
    def _root(self) -> Path:
        return Path(self.path)

    def add(
        self,
        gate: CalibratedGate,
        *,
        by: str,
        reason: str,
        now: datetime | None = None,
        action: str = "calibrate",
    ) -> Path:
        """Write a gate as a version and put it in force.

        Raises
        ------
        CalibrationError
            If some of its calibration patients belong to another version: they are used once.
        """
        target = self._store(gate)
        self.activate(gate.id, action=action, by=by, reason=reason, now=now)
        return target

    def veto(self, gate: CalibratedGate, *, by: str, reason: str, now: datetime) -> None:
        """Keep a version that is never to be in force, so that its patients count as seen."""
        self._store(gate)
        self._note(Switch(_moment(now), VETO, gate.id, by, reason))

    def _store(self, gate: CalibratedGate) -> Path:
        self._refuse_reused_patients(gate)
        target = self._root / gate.id
        if not target.exists():
            temporary = self._root / f".{gate.id}.tmp"
            shutil.rmtree(temporary, ignore_errors=True)
            try:
                temporary.mkdir(parents=True)
                contents = {"certificate.json": gate.certificate.to_json().encode(), **gate.files}
                for name, content in contents.items():
                    (temporary / name).write_bytes(content)
                    on_disk(temporary / name)
                temporary.rename(target)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
            on_disk(self._root)
        return target

    def activate(
        self, version: str, *, action: str, by: str, reason: str, now: datetime | None = None
    ) -> None:
        """Put an existing version in force, atomically, and keep who did it and why.

        Raises
        ------
        InputError
            If there is no such version, or its check vetoed it.
        """
        self.stored(version)
        entries = self.history() if (self._root / "ACTIVE").exists() else []
        if any((entry.action, entry.version) == (VETO, version) for entry in entries):
            raise InputError("a version that was not vetoed", version[:12], "see `segqc status`")
        self._note(Switch(_moment(now or datetime.now(UTC)), action, version, by, reason))

    def _note(self, switch: Switch) -> None:
        history = [*(self.history() if (self._root / "ACTIVE").exists() else []), switch]
        active = _in_force(history)
        lines = [active, *(json.dumps(vars(entry), sort_keys=True) for entry in history)]
        body = "\n".join(lines) + "\n"
        with replaced_at_once(self._root / "ACTIVE", durable=True) as temporary:
            temporary.write_bytes(_with_checksum(body).encode())

    def history(self) -> list[Switch]:
        """Return every switch so far, oldest first.

        Raises
        ------
        FileFormatError
            If this is no calibration folder.
        TamperedError
            If ``ACTIVE`` was changed.
        """
        try:
            text = (self._root / "ACTIVE").read_bytes().decode()
        except (FileNotFoundError, NotADirectoryError):
            raise FileFormatError(
                "a calibration folder with a file ACTIVE",
                str(self.path),
                "make one with `segqc calibrate`, or check the path",
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise self._tampered("ACTIVE", str(error)) from error
        body = text[: text.rfind("sha256 ")]
        if text != _with_checksum(body):
            raise self._tampered("ACTIVE", "a checksum that does not fit")
        active, *entries = body.splitlines()
        switches = [Switch(**json.loads(entry)) for entry in entries]
        if _in_force(switches) != active:
            raise self._tampered("ACTIVE", "a first line that is not the last switch")
        return switches

    @property
    def active(self) -> str:
        """Id of the version in force."""
        return _in_force(self.history())

    def versions(self) -> list[str]:
        """Return the ids of all versions, sorted."""
        if not self._root.is_dir():
            return []
        return sorted(entry.name for entry in self._root.iterdir() if VERSION.fullmatch(entry.name))

    def load(self, version: str | None = None) -> CalibratedGate:
        """Load a version (None: the one in force), refusing any changed byte.

        Raises
        ------
        InputError
            If there is no such version.
        TamperedError
            If a file is missing, added or changed.
        """
        gate = self.stored(version)
        self.standings(gate.id)
        return replace(gate, folder=str(self.path))

    def stored(self, version: str | None = None) -> CalibratedGate:
        """Load a version as it was saved, without what the monitors found; else as `load`."""
        return _gate(*self._unchanged(self.active if version is None else version))

    def publish(
        self,
        version: str,
        standings: Sequence[Standing],
        *,
        log: str,
        stale_after_days: int,
        now: datetime | None = None,
    ) -> None:
        """Let every verdict of a version from now on say what the monitors found.

        Parameters
        ----------
        version : str
        standings : sequence of Standing
        log : str
            When the monitors of the log began: `VersionMonitor.started`.
        stale_after_days : int
            How long this counts as known.
        now : datetime, optional

        Raises
        ------
        InputError
            If the version is watched through another log: what that found must not be lost.
        """
        file = self._standing_file(version)
        self.check_log(version, log)
        if not self._watched(version):
            by, reason = "segqc monitor run", "the monitors of this version begin"
            self._note(Switch(_moment(now or datetime.now(UTC)), WATCH, version, by, reason))
        moment = (now or datetime.now(UTC)).isoformat()
        told = ToldStandings(version, log, moment, stale_after_days, tuple(standings))
        with replaced_at_once(file, durable=True) as temporary:
            temporary.write_bytes(told.to_json().encode())

    def check_log(self, version: str, log: str) -> None:
        """Refuse a log that is not the one through which a version is watched.

        Parameters
        ----------
        version : str
        log : str
            When the monitors of the log began.

        Raises
        ------
        InputError
            If another log watches it.
        """
        file = self._standing_file(version)
        try:
            before = ToldStandings.from_json(file.read_text("utf-8"), version)
        except (OSError, UnicodeDecodeError, FileFormatError):
            return  # none yet; or damaged, then it is written anew
        if before.log != log:
            raise InputError(
                f"the log through which version {version[:12]} is watched, begun {before.log}",
                f"another log, begun {log}",
                f"use that log; if it is lost for good, delete {file.name} and run again",
            )

    def _watched(self, version: str) -> bool:
        return any((each.action, each.version) == (WATCH, version) for each in self.history())

    def standings(self, version: str) -> tuple[Standing, ...]:
        """Return what is known of the promises of a version; empty where no monitor ever ran.

        Where monitors ran and what they found is gone, every case is to be referred; where none
        has run for too long, nothing is known any more.

        Raises
        ------
        TamperedError
            If it was changed.
        """
        file = self._standing_file(version)
        try:
            text = file.read_bytes().decode()
            return ToldStandings.from_json(text, version).at(datetime.now(UTC))
        except FileNotFoundError:
            return (LOST,) if self._watched(version) else ()
        except (OSError, UnicodeDecodeError, FileFormatError) as error:
            received = error.received if isinstance(error, FileFormatError) else error
            raise TamperedError(
                f"{self.path}/{file.name} as it was saved",
                received,
                "run `segqc monitor run` again, which writes it anew; no case is accepted until "
                "then",
            ) from error

    def _standing_file(self, version: str) -> Path:
        return self._root / f"{version}.standing.json"

    def _unchanged(self, version: str) -> tuple[GateCertificate, dict[str, bytes]]:
        """Return the certificate and the other files of a version, each byte as it was saved."""
        folder = self._root / version
        if not VERSION.fullmatch(version) or not folder.is_dir():
            raise InputError(
                f"a version of {self.path}: {self.versions()}", version, "see `segqc status`"
            )
        found = {entry.name for entry in folder.iterdir()}
        if found != FILES:
            raise self._tampered(version, f"files {sorted(found)} instead of {sorted(FILES)}")
        text = self._content(f"{version}/certificate.json", version)
        certificate = GateCertificate.from_json(text.decode())
        files = {
            name: self._content(f"{version}/{name}", digest)
            for name, digest in certificate.files.items()
        }
        return certificate, files

    def _content(self, name: str, digest: str) -> bytes:
        try:
            content = (self._root / name).read_bytes()
        except OSError as error:
            raise self._tampered(name, str(error)) from error
        if sha256_hex(content) != digest:
            raise self._tampered(name, f"hash {sha256_hex(content)}")
        return content

    def certificates(self) -> dict[str, GateCertificate]:
        """Return the certificate of every version, by id.

        Raises
        ------
        TamperedError
            If a version that was ever in force is gone, or any byte of one was changed.
        """
        if (self._root / "ACTIVE").exists():
            gone = {switch.version for switch in self.history()} - set(self.versions())
            if gone:
                raise self._tampered(min(gone), f"{len(gone)} versions of the history are gone")
        return {version: self._unchanged(version)[0] for version in self.versions()}

    def _refuse_reused_patients(self, gate: CalibratedGate) -> None:
        if gate.certificate.reweighted:
            return  # looks at no label anew, and accepts nothing
        own = set(gate.certificate.lineage["calibration_patients"])
        stored = self.certificates()
        for version, certificate in stored.items():
            shared = own & set(certificate.lineage["calibration_patients"])
            # the same calibration computed again, say after a crash, looks at nothing new
            again = certificate.structures == gate.certificate.structures
            # a weighted version speaks for its parent where that is at hand
            weighted = certificate.reweighted and certificate.lineage["parent"] in stored
            if weighted or again or _later_look(gate.certificate, certificate):
                continue
            if shared:
                raise CalibrationError(
                    "calibration patients that calibrated nothing before",
                    f"{len(shared)} of {len(own)} that already calibrated version {version[:12]}",
                    "recalibrate with fresh patients (`segqc recalibrate`), or use another folder "
                    "for another model",
                )

    def _tampered(self, what: str, received: str) -> TamperedError:
        return TamperedError(
            f"{self.path}/{what} as it was saved",
            received,
            "restore the calibration folder from a backup, or calibrate again",
        )


def first_look(certificate: GateCertificate) -> str:
    """Return the version that is look 1 of the looks a certificate belongs to, maybe its own."""
    return str(certificate.lineage["first_look"] or certificate.id)


def _later_look(new: GateCertificate, old: GateCertificate) -> bool:
    """Whether `new` looks again at all patients of `old`, as declared before the first look."""
    seen, counted = (set(one.lineage["calibration_patients"]) for one in (old, new))
    later = bool(new.lineage["look"] > old.lineage["look"])
    return later and first_look(new) == first_look(old) and seen <= counted


def _gate(certificate: GateCertificate, files: dict[str, bytes]) -> CalibratedGate:
    models = load_models(files["predictor.skops"])
    quality = FittedQuality(
        name=certificate.quality["name"],
        features=tuple(certificate.quality["features"]),
        model=models["model"],
        power=certificate.quality["power"],
        centre=certificate.quality["centre"],
        choice=certificate.quality["choice"],
        centres=certificate.quality["centres"],
    )
    profile = pd.read_parquet(io.BytesIO(files["profile.parquet"]))
    return CalibratedGate(certificate, quality, profile, files, models["cross"])


def _in_force(history: Sequence[Switch]) -> str:
    return next(each.version for each in reversed(history) if each.action not in (VETO, WATCH))


def _moment(now: datetime) -> str:
    return now.isoformat(timespec="seconds")


def _with_checksum(body: str) -> str:
    return f"{body}sha256 {sha256_hex(body.encode())}\n"
