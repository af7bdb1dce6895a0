"""Shards of a batch on the workers of a Ray cluster, or on this machine's cores through Ray."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segqc_conformal.errors import InputError
from segqc_conformal.features.batch import Batch
from segqc_conformal.features.shards import extract_shard
from segqc_conformal.measures.schema import STANDARD, FeatureSchema
from segqc_conformal.progress_bar import progress_bar

__all__ = ["extract_shards_with_ray"]

# Ray reads these when it starts. It sends a word to its makers also where statistics are off, and
# asks for the cloud's metadata: both go to a closed port of this machine.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9/",
}
_LOOPBACK_ALONE = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "http_proxy": "http://127.0.0.1:9/",
    "no_proxy": "127.0.0.1,localhost",
}


def extract_shards_with_ray(
    open_batch: Callable[[], Batch],
    out: str | Path,
    structures: Mapping[str, int],
    of: int,
    *,
    workers: int,
    schema: FeatureSchema = STANDARD,
    progress: bool = True,
) -> None:
    """Extract the shards that are not there, several at a time.

    Parameters
    ----------
    open_batch : callable
        Returns the batch; each worker calls it once, so a model is loaded once by each.
    out, structures, of, schema
        As in `extract_shard`. Workers start in the caller's working folder, which they must see
        under the same path, as the files of the batch and `out`.
    workers : int
        How many at most. Each takes one core, and one GPU where the cluster has any.
    progress : bool
        Show a progress bar on standard error, counting shards.

    Raises
    ------
    InputError
        If Ray is not installed, or `workers` is not positive.

    Notes
    -----
    The cluster is that of the environment variable ``RAY_ADDRESS``; without it Ray starts on this
    machine, on loopback alone, and ends with the call. Usage statistics are off.
    Guarantee: each shard is what `extract_shard` makes of it; one that a killed worker left is
    extracted by another.
    """
    if workers < 1:
        raise InputError("at least one worker", workers, "leave --workers out, or give 1 or more")
    with _started(workers) as ray:
        shards = ray.data.from_items([{"shard": number} for number in range(1, of + 1)])
        done = shards.repartition(of).map(
            _Worker,
            fn_constructor_args=(
                open_batch,
                str(Path.cwd()),
                str(out),
                dict(structures),
                of,
                schema,
            ),
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=min(workers, of)),
            num_cpus=1,
            num_gpus=1 if ray.cluster_resources().get("GPU") else 0,
        )
        with progress_bar(progress) as bar:
            for _ in bar.track(done.iter_rows(), total=of, description="shards"):
                pass


class _Worker:
    """A process of the cluster with the batch open."""

    def __init__(
        self,
        open_batch: Callable[[], Batch],
        folder: str,
        out: str,
        structures: Mapping[str, int],
        of: int,
        schema: FeatureSchema,
    ) -> None:
        os.chdir(folder)
        self.batch, self.out, self.structures = open_batch(), out, structures
        self.of, self.schema = of, schema

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        path = extract_shard(
            self.batch,
            self.out,
            self.structures,
            int(row["shard"]),
            self.of,
            schema=self.schema,
            progress=False,
        )
        return {**row, "file": path.name}


@contextmanager
def _started(workers: int) -> Iterator[Any]:
    """Connect to the cluster, or start one here; the environment is left as found."""
    elsewhere, before = "RAY_ADDRESS" in os.environ, dict(os.environ)
    os.environ.update(_QUIET if elsewhere else _QUIET | _LOOPBACK_ALONE)
    try:
        ray = _imported()
        here = {} if elsewhere else {"num_cpus": workers, "include_dashboard": False}
        ray.init(log_to_driver=False, logging_level="error", **here)
        ray.data.DataContext.get_current().enable_progress_bars = False
        yield ray
        ray.shutdown()
    finally:
        os.environ.clear()
        os.environ.update(before)


def _imported() -> Any:
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise InputError(
            "Ray, for --ray", error, "pip install 'segqc-conformal[ray]', or leave --ray out"
        ) from error
    return ray
