"""The engine's benchmark compares like with like: equal values on tiny sizes, never times."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
import torch
from uncertainty_forward import forward_row, small_unet
from uncertainty_memory import STATUS, memory_row
from uncertainty_methods import MAPS, stacked_figures
from uncertainty_page import section
from uncertainty_pairs import dice_of_planes, monai_loop, one_hot, pairs_row, planes_of
from uncertainty_samples import samples, write_sample
from uncertainty_time import time_row

pytest.importorskip("numba", reason="numba is not installed")

GRID = (10, 12, 9)


def test_samples_are_probabilities_that_the_seed_alone_decides() -> None:
    first = write_sample(torch.empty(4, *GRID), 3)
    again = write_sample(torch.full((4, *GRID), 7.0), 3)
    assert torch.equal(first, again)
    assert not torch.equal(first, write_sample(torch.empty(4, *GRID), 4))
    torch.testing.assert_close(first.sum(dim=0), torch.ones(GRID))
    assert set(first.argmax(dim=0).unique().tolist()) == {0, 1, 2, 3}


def test_every_way_to_pairwise_dice_gives_what_the_masks_say() -> None:
    taken = samples(4, 3, GRID)
    masks = one_hot(taken).numpy()
    true = [
        [
            2.0
            * (masks[a, label] & masks[b, label]).sum()
            / (masks[a, label].sum() + masks[b, label].sum())
            for a, b in combinations(range(4), 2)
        ]
        for label in (1, 2)
    ]
    np.testing.assert_allclose(monai_loop(one_hot(taken)), true, atol=1e-6)
    for fast in (False, True):
        np.testing.assert_allclose(dice_of_planes(planes_of(taken, fast=fast)), true, atol=1e-12)
    assert pairs_row(4, 3, GRID, 1)["distance"] <= 1e-6


def test_stack_gives_the_maps_of_the_formulas() -> None:
    taken = samples(3, 3, GRID)
    p = torch.stack(taken).double().numpy()
    logs = np.log(np.maximum(p, 2.0**-23))
    pairs = [(p[a] * (logs[a] - logs[b])).sum(axis=0) for a in range(3) for b in range(3) if a != b]
    found = stacked_figures(taken).maps
    assert tuple(found) == MAPS
    np.testing.assert_allclose(found["epkl"], np.mean(pairs, axis=0), atol=2e-6)
    np.testing.assert_allclose(found["variance"], p.var(axis=0).mean(axis=0), atol=1e-6)
    entropies = [-(q * np.log(q)).sum(axis=-4) for q in (p, p.mean(axis=0))]
    np.testing.assert_allclose(found["expected_entropy"], entropies[0].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found["predictive_entropy"], entropies[1], atol=1e-6)


@pytest.mark.parametrize(("count", "classes"), [(2, 2), (9, 4)])
def test_plain_fast_and_stack_agree(count: int, classes: int) -> None:
    row = time_row(count, classes, GRID, 1)
    assert row["distance"].keys() == {"fast", "stack"}
    assert max(row["distance"].values()) <= 1e-6
    assert row["ms"].keys() == {"log_softmax", "log_softmax_reused", "plain", "fast"}


@pytest.mark.skipif(not STATUS.is_file(), reason="peak memory is read from /proc (Linux)")
def test_stack_of_many_samples_takes_more_memory_than_they_do_themselves() -> None:
    row = memory_row(20, 4, (32, 32, 32), ("stack",))
    assert row["stack"]["peak_mb"] >= 20 * 4 * 32**3 * 4 / 2**20


def test_stack_that_does_not_fit_is_left_out_by_name() -> None:
    row = memory_row(1000, 14, (400, 400, 400), ("stack",))
    assert row["stack"] == {"skipped": "about 10752 GB needed"}


def test_page_says_what_was_met_and_what_was_missed() -> None:
    figures = {
        "machine": {
            "cores": 2,
            "threads": 2,
            "processor": "x86_64",
            "python": "3.11",
            "load_before": 0.5,
        },
        "date": "2026-01-01",
        "minutes": 1.0,
        "versions": {"torch": "2"},
        "pairs": pairs_row(4, 3, GRID, 1),
        "time": [time_row(2, 3, GRID, 1)],
        "memory": [
            {
                "samples": count,
                "classes": 3,
                "spatial": [64, 64, 64],
                "plain": {"peak_mb": 50.0 + count},
                "fast": {"peak_mb": 40.0},
                "stack": {"skipped": "about 90 GB needed"},
            }
            for count in (8, 16)
        ],
        "forward": [forward_row("small U-Net", small_unet(), (16, 16, 16), 1)],
    }
    figures["pairs"]["times_faster"] |= {"planes": 31.0, "plain": 29.0}
    figures["time"][0]["ratio"]["fast"] = 3.5
    figures["forward"][0] |= {"parameters": 30_000_000, "share": {"plain": 0.06, "fast": 0.01}}
    page = section(json.loads(json.dumps(figures)))
    assert page.startswith("## The uncertainty engine: speed and memory\n")
    assert "| 31 times | yes |" in page
    assert "| 29 times | **no** |" in page
    assert "| 3.50 times | **no** |" in page
    assert "| plain 6.0%, fast 1.0% | **no** |" in page
    assert "left out: about 90 GB needed" in page
    assert "plain\ngrows by 8 MB, fast by 0 MB, stacking by more than fits." in page
    assert "voxel is 0.5 MB;" in page


def test_quick_figures_are_never_saved() -> None:
    call = [sys.executable, "benchmarks/uncertainty.py", "--quick", "--write"]
    found = subprocess.run(call, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert "quick figures are not for the page" in found.stderr
