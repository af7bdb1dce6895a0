"""Shards of a batch on the workers of a Ray cluster, or on this machine's cores through Ray."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from segqc_conformal.errors import InputError, SegqcError, on_one_line
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
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # its remarks on its own workings would stand among ours
    "RAY_DATA_LOG_LEVEL": "ERROR",
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
    gpu: bool = False,
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
        How many at most. Each takes one core.
    gpu : bool
        Whether each takes a GPU too, which `open_batch` then puts its models on.
    progress : bool
        Show a progress bar on standard error, counting shards.

    Raises
    ------
    InputError
        If Ray is not installed, `workers` is not positive, the cluster has no GPU where one is
        asked for, or shards could not be extracted: the first of them says why, after the others.

    Notes
    -----
    The cluster is that of the environment variable ``RAY_ADDRESS``; without it Ray starts on this
    machine, on loopback alone, and ends with the call. Usage statistics are off.
    Guarantee: each shard is what `extract_shard` makes of it; one that a killed worker left is
    extracted by another.
    """
    if workers < 1:
        raise InputError("at least one worker", workers, "leave --workers out, or give 1 or more")
    failed: list[str] = []
    with _started(workers) as ray:
        if gpu and not ray.cluster_resources().get("GPU"):
            raise InputError(
                "a GPU for each worker", "a cluster without any", "leave --device cuda out"
            )
        rows = [{"shard": number} for number in range(1, of + 1)]
        # a block for each shard from the start: to cut blocks later takes a core of the workers
        done = ray.data.from_items(rows, override_num_blocks=of).map(
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
            num_gpus=int(gpu),
        )
        with progress_bar(progress) as bar:
            for row in bar.track(done.iter_rows(), total=of, description="shards"):
                failed += [f"shard {row['shard']}: {row['why']}"] if row["why"] else []
    _refuse(failed, of)


def _refuse(failed: list[str], of: int) -> None:
    if failed:
        raise InputError(
            f"{of} shards",
            f"{len(failed)} that could not be extracted, {failed[0]}",
            "run it again once that is mended: the other shards are kept",
        )


class _Worker:
    """A process of the cluster; what it raised would come out as a stack of processes."""

    def __init__(
        self,
        open_batch: Callable[[], Batch],
        folder: str,
        out: str,
        structures: Mapping[str, int],
        of: int,
        schema: FeatureSchema,
    ) -> None:
        self.open_batch, self.folder, self.out = open_batch, folder, out
        self.structures, self.of, self.schema = structures, of, schema

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            self._extract(int(row["shard"]))
        except Exception as error:  # of this shard alone: a file, a node or its disk
            said = str(error) if isinstance(error, SegqcError) else on_one_line(error)
            return {**row, "why": said}
        return {**row, "why": ""}

    def _extract(self, number: int) -> None:
        extract_shard(
            self._batch,
            self.out,
            self.structures,
            number,
            self.of,
            schema=self.schema,
            progress=False,
        )

    @cached_property
    def _batch(self) -> Batch:
        os.chdir(self.folder)
        return self.open_batch()


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
        try:
            yield ray
        finally:
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
