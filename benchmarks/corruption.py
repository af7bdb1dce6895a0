"""Requested against reached Dice histograms of corrupted masks, on the hippocampus labels.

``python benchmarks/corruption.py`` corrupts the reference masks of 60 patients towards three
histograms, by each kind alone and by all together, and prints the earth mover's distance, how many
wanted values were out of reach, and the share of masks in each bin. ``--models`` adds the masks of
a trained U-Net on heavily augmented images.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from time import perf_counter

import numpy as np
from hippocampus_cases import STRUCTURES, image_folders, load_case, members, pool_patients
from markdown_table import table

import segqc_conformal as sq
from segqc_conformal.corruption import (
    KINDS,
    CorruptedCases,
    DiceHistogram,
    Kind,
    augmented_images,
    corrupt,
)

EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
REQUESTED = {
    "flat": DiceHistogram(EDGES, [1, 1, 1, 1, 1]),
    "as a good model": DiceHistogram(EDGES, [0.02, 0.03, 0.05, 0.2, 0.7]),
    "two ends": DiceHistogram(EDGES, [2, 0, 0, 0, 3]),
}
BINS = [f"{low} to {high}" for low, high in pairwise(EDGES)]
HEAD = ("kinds", "distance", "missed", *BINS, "s")


def shares(found: CorruptedCases) -> list[str]:
    """Return the share of masks in each bin."""
    counts, _ = np.histogram(found.table["dice"], EDGES)
    return [f"{count / len(found):.2f}" for count in counts]


def rows(
    cases: Sequence[sq.Case], histogram: DiceHistogram, kinds: Mapping[str, Kind]
) -> Iterator[list[object]]:
    """Corrupt by all kinds together, then by each alone."""
    yield ["requested", "", "", *(f"{share:.2f}" for share in histogram.shares), ""]
    for name, chosen in {"all": kinds, **{name: {name: kinds[name]} for name in kinds}}.items():
        started = perf_counter()
        found = corrupt(cases, histogram, structures=STRUCTURES, kinds=chosen, progress=False)
        seconds = perf_counter() - started
        yield [
            name,
            f"{found.distance:.3f}",
            len(found.missed),
            *shares(found),
            f"{seconds:.0f}",
        ]


def main() -> None:
    """Print one table for each requested histogram."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=60)
    parser.add_argument("--models", action="store_true")
    arguments = parser.parse_args()
    images, labels = image_folders()
    patients = pool_patients(images)[: arguments.patients]
    cases = [load_case(patient, "clean", images, labels) for patient in patients]
    kinds = dict(KINDS)
    if arguments.models:
        kinds["augmented_images"] = augmented_images(members(1)[0])
    for name, histogram in REQUESTED.items():
        print(f"\n{name}, Dice of the worse structure, {len(cases)} patients\n")
        print(table(HEAD, rows(cases, histogram, kinds)))


if __name__ == "__main__":
    main()
