"""The calibration folder: immutable versions named by their content, and which one is in force."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from segqc_conformal.adapters.skops_store import load_models
from segqc_conformal.canonical_json import sha256_hex
from segqc_conformal.certificate import GateCertificate
from segqc_conformal.errors import CalibrationError, FileFormatError, InputError, TamperedError
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.quality.predictor import FittedQuality

__all__ = ["CalibrationFolder", "Switch", "first_look"]

FILES = {"certificate.json", "predictor.skops", "profile.parquet"}
VERSION = re.compile(r"[0-9a-f]{64}")


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
        self._refuse_reused_patients(gate)
        target = self._root / gate.id
        if not target.exists():
            temporary = self._root / f".{gate.id}.tmp"
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            contents = {"certificate.json": gate.certificate.to_json().encode(), **gate.files}
            for name, content in contents.items():
                _write_durably(temporary / name, content)
            temporary.rename(target)
        self.activate(gate.id, action=action, by=by, reason=reason, now=now)
        return target

    def activate(
        self, version: str, *, action: str, by: str, reason: str, now: datetime | None = None
    ) -> None:
        """Put an existing version in force, atomically, and keep who did it and why."""
        self.load(version)
        switch = Switch(
            at=(now or datetime.now(UTC)).isoformat(timespec="seconds"),
            action=action,
            version=version,
            by=by,
            reason=reason,
        )
        history = [*(self.history() if (self._root / "ACTIVE").exists() else []), switch]
        lines = [version, *(json.dumps(vars(entry), sort_keys=True) for entry in history)]
        body = "\n".join(lines) + "\n"
        temporary = self._root / ".ACTIVE.tmp"
        _write_durably(temporary, _with_checksum(body).encode())
        temporary.replace(self._root / "ACTIVE")

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
        if switches[-1].version != active:
            raise self._tampered("ACTIVE", "a first line that is not the last switch")
        return switches

    @property
    def active(self) -> str:
        """Id of the version in force."""
        return self.history()[-1].version

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
        return _gate(*self._unchanged(self.active if version is None else version))

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
        own = set(gate.certificate.lineage["calibration_patients"])
        for version, certificate in self.certificates().items():
            shared = own & set(certificate.lineage["calibration_patients"])
            # the same calibration computed again, say after a crash, looks at nothing new
            again = certificate.structures == gate.certificate.structures
            if shared and not again and not _later_look(gate.certificate, certificate):
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


def _with_checksum(body: str) -> str:
    return f"{body}sha256 {sha256_hex(body.encode())}\n"


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
