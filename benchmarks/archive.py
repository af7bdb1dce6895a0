"""Features of an archive: throughput of one and two workers, and the cost of a case as it grows.

``python benchmarks/archive.py`` saves probabilities of made-up volumes and extracts their features
in one process, in shards, and with Ray; ``--write`` keeps the figures (archive.json) and writes
docs/benchmarks.md. Wall times: nothing else should run.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import archive_page
import numpy as np
from page import FOLDER, write_page

from segqc_conformal.adapters.ray_extraction import extract_shards_with_ray
from segqc_conformal.features.batch import open_batch
from segqc_conformal.features.batch_extraction import extract_batch
from segqc_conformal.features.shards import extract_in_shards, shard_folder
from segqc_conformal.measures.schema import FeatureSchema

STRUCTURES = {"anterior": 1, "posterior": 2}
SHAPE = (36, 50, 36)  # about that of a hippocampus volume
SAMPLES = 5
CASES_IN_A_SHARD = 10
FULL = FeatureSchema("full")


def saved_archive(folder: Path, cases: int) -> Path:
    """Save the probabilities of smooth blobs, one patient each."""
    folder.mkdir()
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, side) for side in SHAPE), indexing="ij"))
    for number in range(cases):
        rng = np.random.default_rng(number)
        logits = np.zeros((SAMPLES, 3, *SHAPE), np.float32)
        for label in (1, 2):
            centre = rng.uniform(-0.4, 0.4, 3)[:, None, None, None]
            distance = np.sqrt(((grid - centre) ** 2).sum(axis=0))
            logits[:, label] = 20 * (0.4 - distance) + rng.normal(0, 1, (SAMPLES, *SHAPE))
        raw = np.exp(logits)
        np.savez(
            folder / f"c{number:05d}.npz",
            probabilities=raw / raw.sum(axis=1, keepdims=True),
            spacing_mm=(1.0, 1.0, 1.0),
        )
    return folder


def seconds(work: Callable[[], Any]) -> float:
    """Return the wall time that `work` takes."""
    begin = perf_counter()
    work()
    return perf_counter() - begin


def growth(folder: Path, sizes: list[int], out: Path) -> list[dict[str, float]]:
    """Measure one process over archives of several sizes: in one piece, in shards, again."""
    found = []
    for cases in sizes:
        saved = saved_archive(folder / f"p{cases}", cases)
        batch = open_batch(str(saved), model_id="m")
        of = max(cases // CASES_IN_A_SHARD, 1)
        shards = partial(extract_in_shards, batch, out, STRUCTURES, of, schema=FULL, progress=False)
        whole = partial(extract_batch, batch, out, STRUCTURES, schema=FULL, progress=False)
        times = {"whole": seconds(whole), "shards": seconds(shards), "again": seconds(shards)}
        found.append({"cases": cases, **{name: time / cases for name, time in times.items()}})
        shutil.rmtree(saved)
        shutil.rmtree(shard_folder(out))
        print(f"{cases} cases in one process", flush=True)
    return found


def with_ray(folder: Path, cases: int, out: Path) -> list[dict[str, float]]:
    """Measure one and two workers over the same archive, Ray's start and end among it."""
    saved = saved_archive(folder / "ray", cases)
    opening = partial(open_batch, str(saved), model_id="m")
    found = []
    for workers in (1, 2):
        of = max(cases // CASES_IN_A_SHARD, 1)
        run = partial(
            extract_shards_with_ray,
            opening,
            out,
            STRUCTURES,
            of,
            workers=workers,
            schema=FULL,
            progress=False,
        )
        all_of_it, nothing_to_do = seconds(run), seconds(run)
        found.append({"workers": workers, "seconds": all_of_it, "again": nothing_to_do})
        shutil.rmtree(shard_folder(out))
        print(f"{workers} workers of Ray", flush=True)
    return found


def measured(sizes: list[int], folder: Path) -> dict[str, Any]:
    """Measure growth over `sizes`, and Ray on the largest."""
    out = folder / "features.parquet"
    return {
        "shape": SHAPE,
        "samples": SAMPLES,
        "growth": growth(folder, sizes, out),
        "ray": with_ray(folder, sizes[-1], out),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--sizes", type=int, nargs="+", default=[30, 100, 300])
    arguments.add_argument("--write", action="store_true", help="keep the figures, write the page")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measured(chosen.sizes, Path(folder))
    print(archive_page.section(figures))
    if chosen.write:
        (FOLDER / "archive.json").write_text(json.dumps(figures, indent=1) + "\n")
        write_page()


if __name__ == "__main__":
    main()
