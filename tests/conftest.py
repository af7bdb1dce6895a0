"""What several test folders share: databases, synthetic feature tables, a guarded network."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

# tests run side by side: threads of one would only wait for those of the other
os.environ["OMP_NUM_THREADS"] = "1"

from segqc_conformal.gate import CalibratedGate
from segqc_conformal.quality_gate import QualityGate


def _postgres_bin() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return installed[-1].parent if installed else None


def _as_server_user(folder: Path) -> list[str]:
    # PostgreSQL refuses to run as root; its Debian package brings a user of its own.
    if os.geteuid() != 0:
        return []
    users = {user.pw_name for user in pwd.getpwall()}
    user = "postgres" if "postgres" in users else "nobody"
    shutil.chown(folder, user)
    return ["runuser", "-u", user, "--"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Start a PostgreSQL server of our own; give the folder of its socket."""
    programs = _postgres_bin()
    if programs is None:
        pytest.skip("PostgreSQL: no server programs (initdb) on this machine")
    folder = Path(tempfile.mkdtemp(prefix="segqc-pg-"))
    prefix, data = _as_server_user(folder), folder / "data"

    def call(program: str, *arguments: str) -> None:
        command = [*prefix, str(programs / program), "-D", str(data), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)

    call("initdb", "-U", "segqc", "-A", "trust", "--no-sync")
    options = f"-k {folder} -c listen_addresses= -c fsync=off"
    call("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield str(folder)
    finally:
        call("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """Make a new database on the server; give its URL."""
    psycopg = pytest.importorskip("psycopg")
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(
        host=postgres_server, user="segqc", dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql+psycopg://segqc@/{name}?host={postgres_server}"


@pytest.fixture(params=["sqlite", "postgres"])
def log_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/log.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


# Python reads a file of this name at each start, so every child of a child has the hook. It refuses
# what leaves this machine before it leaves; loopback and Unix sockets may pass.
_SITECUSTOMIZE = """
import ipaddress, os, sys
def stop(told):
    with open({record!r}, "a") as record:
        print(told, file=record)
    print(told, file=sys.stderr, flush=True)
    os._exit(99)  # nothing may catch it
def here(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", b"localhost")
def refuse(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        if isinstance(address, tuple) and not here(address[0]):
            stop(f"{{event}} to {{address}}")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        if arguments[0] is not None and not here(arguments[0]):
            stop(f"{{event}} of {{arguments[0]}}")
sys.addaudithook(refuse)
"""


class Guarded:
    """Run Python in child processes that cannot connect to another machine, and know if they try.

    A child that tries ends at once with exit code 99; `refused` holds what it tried. Their folder
    of settings is a new one, and nobody has forbidden usage statistics to them.
    """

    def __init__(self, folder: Path) -> None:
        self._record = folder / "refused"
        hook = folder / "hook"
        hook.mkdir()
        (hook / "sitecustomize.py").write_text(_SITECUSTOMIZE.format(record=str(self._record)))
        paths = [str(hook), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "DO_NOT_TRACK"},
            "PYTHONPATH": os.pathsep.join(paths),
            "XDG_CONFIG_HOME": str(folder / "config"),
        }

    def python(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Run Python with these words to its end."""
        return subprocess.run(
            [sys.executable, *map(str, words)],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def settings(self) -> list[str]:
        """Files that children left among the settings of the user."""
        return [path.name for path in Path(self.environment["XDG_CONFIG_HOME"]).rglob("*")]

    @property
    def refused(self) -> list[str]:
        """What children tried to reach, one line each."""
        return self._record.read_text().splitlines() if self._record.exists() else []


@pytest.fixture
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Guarded:
    """Give a way to run Python without a way out."""
    return Guarded(tmp_path_factory.mktemp("guarded"))


def _cohort(
    patients: int,
    first: int = 0,
    *,
    structures: tuple[str, ...] = ("anterior", "posterior"),
    empty: float = 0.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Return a labelled feature table: one case per patient, ids "0000", "0001", ..."""
    rng = np.random.default_rng([seed, first])
    names = [f"{number:04d}" for number in range(first, first + patients)]
    ids = pd.MultiIndex.from_product([names, structures]).to_frame(index=False)
    quality = rng.beta(8.0, 1.2, len(ids))
    dice = np.clip(quality + rng.normal(0.0, 0.02 + 0.1 * (1.0 - quality)), 0.0, 1.0)
    nothing = rng.random(len(ids)) < empty
    days = pd.to_timedelta(ids[0].astype(int), unit="D")
    return pd.DataFrame(
        {
            "case_id": "c" + ids[0],
            "patient_id": ids[0],
            "structure": ids[1],
            "site": np.where(ids[0].astype(int) % 2 == 0, "A", "B"),
            "time": pd.Timestamp("2026-01-01", tz="UTC") + days,
            "model_id": "m",
            "sampler_id": "s",
            "schema_version": "1",
            "judged": "fused",
            "failed": None,
            "dice": np.where(nothing, 0.0, dice),
            "feature_agreement": quality,
            "feature_noise": rng.normal(size=len(ids)),
            "feature_volume_ml": np.where(nothing, 0.0, rng.lognormal(1.0, 0.3, len(ids))),
        }
    )


@pytest.fixture(scope="session")
def cohort() -> Callable[..., pd.DataFrame]:
    """Make labelled feature tables of synthetic patients."""
    return _cohort


@pytest.fixture(scope="session")
def cheap() -> dict[str, Any]:
    """Give one fast candidate for the quality predictor of a `cohort`."""
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    seen = make_column_transformer(("passthrough", ["feature_agreement", "feature_noise"]))
    return {"ridge": make_pipeline(seen, Ridge())}


@pytest.fixture(scope="session")
def gate(cheap: dict[str, Any]) -> CalibratedGate:
    """Give a gate calibrated on 100 of 200 patients; some structures are predicted empty."""
    return QualityGate().calibrate(_cohort(200, empty=0.03), candidates=cheap)
