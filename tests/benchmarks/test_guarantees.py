"""The simulations behind docs/benchmarks.md: quick, seeded, each beside a twin it must catch."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from guarantees import FIGURES, promises
from guarantees_accept import exact_flat
from guarantees_check import Cell, Rate, judged
from guarantees_intervals import METHODS
from guarantees_patients import BETWEEN, SLICES, WITHIN, _covers_all
from guarantees_ranks import MISCOVERAGE, ends_of_few, exact_rank, ours_off
from guarantees_rows import promise_rows
from guarantees_worlds import BORDERLINE, CASES, FLOOR, shift_weights
from scipy.stats import binom


def test_every_promise_holds_and_every_twin_is_caught() -> None:
    rows = promises(quick=True)
    names = ("promise", "world", "n", "realised", "band", "twin_realised", "twin_limit")
    told = [{name: row[name] for name in names} for row in rows]
    assert [told[i] for i, row in enumerate(rows) if not row["passes"]] == []
    assert [told[i] for i, row in enumerate(rows) if not row["caught"]] == []
    assert {row["part"] for row in rows} == {"intervals", "accept", "patients", "release", "masks"}
    assert {method.twin_name for method in METHODS} <= {row["twin"] for row in rows}


def test_the_saved_figures_hold_every_promise_and_catch_every_twin_at_some_number() -> None:
    figures = json.loads(FIGURES.read_text())
    cells = figures["promises"]
    assert all(cell["passes"] for cell in cells)
    twins = {(cell["promise"], cell["world"], cell["twin"]) for cell in cells}
    caught = {(c["promise"], c["world"], c["twin"]) for c in cells if c["caught"]}
    assert twins == caught
    assert all(cell["draws"] >= 4000 for cell in cells if cell["promise"] == "accept: violations")
    assert {30, 60, 100, 200, 500, 1000, 5000} <= {cell["n"] for cell in cells}
    assert figures["ranks"]["ours off"] == figures["ranks"]["MAPIE off"] == 0
    assert figures["ranks"]["pairs"] == 24_000


def cell(ours: Rate, unsafe: str = "above", expected: float | None = None) -> Cell:
    return Cell("p", "w", 100, 0.05, unsafe, ours, "t", ours, expected)


def counted(successes: int, draws: int = 1000) -> Rate:
    return Rate.of(np.arange(draws) < successes)


def test_a_band_of_counts_is_exact_and_shared_by_all_cells() -> None:
    for cells in (1, 50):
        limit = int(binom.isf(0.01 / cells, 1000, 0.05))
        assert binom.sf(limit, 1000, 0.05) <= 0.01 / cells < binom.sf(limit - 1, 1000, 0.05)
        for successes, passes in ((limit, True), (limit + 1, False), (0, True)):
            rows = judged([cell(counted(successes))] * cells)
            assert rows[0]["passes"] == passes
            assert rows[0]["caught"] != passes  # the twin came out the same


def test_a_known_rate_has_a_band_of_two_sides_and_a_twin_is_caught_on_the_unsafe_one() -> None:
    low = judged([cell(counted(5), expected=0.05)])[0]
    assert not low["passes"]
    assert not low["caught"]
    mean = replace(cell(Rate(0.91, 0.002, 400, False), "below"), promised=0.9, expected=0.9032)
    assert judged([mean])[0]["band"] == pytest.approx(
        [0.9032 - 0.00515, 0.9032 + 0.00515], abs=1e-5
    )
    assert not judged([mean])[0]["passes"]


def test_a_target_is_less_two_standard_errors() -> None:
    for realised, passes in ((0.04, True), (0.0359, False)):
        target = replace(cell(Rate(realised, 0.007, 100, False), "below"), slack=2.0)
        assert judged([target])[0]["passes"] == passes


def test_rows_tell_failures_and_twins_that_slip_through() -> None:
    bad, good = cell(counted(100)), replace(cell(counted(50)), n=200)
    row = promise_rows(judged([bad, good]))[0]
    assert row[2] == "100, 200"
    assert row[4] == "0.1000 at 100 [≤ 0.0690] **fails at 100**"
    assert row[6] == "t: 0.1000 at 100 (100)"
    assert promise_rows(judged([good]))[0][6] == "t: 0.0500 at 200 (**none**)"


@pytest.mark.parametrize("world", [CASES, BORDERLINE, FLOOR])
def test_the_truth_of_a_world_is_what_its_patients_show(world) -> None:  # type: ignore[no-untyped-def]
    sample = world.draw(200_000, np.random.default_rng(3))
    accepted, both = world.released([0.3, 0.8, np.nan])
    for t, share, bad in zip((0.3, 0.8), accepted, both, strict=False):
        kept = sample.score >= t
        assert kept.mean() == pytest.approx(share, abs=0.005)
        assert (kept & (sample.dice <= 0.8)).mean() == pytest.approx(bad, abs=0.004)
    assert (accepted[2], both[2]) == (0.0, 0.0)
    if not world.floor:
        inside = np.abs(sample.dice - sample.predicted) <= 1.5 * sample.scale
        assert inside.mean() == pytest.approx(float(world.coverage([1.5])[0]), abs=0.004)


def test_weights_turn_one_world_into_the_other() -> None:
    rng = np.random.default_rng(4)
    old, new = CASES.draw(200_000, rng), BORDERLINE.draw(200_000, rng)
    weights = shift_weights(old, BORDERLINE)
    for low, high in ((0.6, 0.75), (0.75, 0.9)):
        inside = (old.predicted > low) & (old.predicted <= high)
        share = ((new.predicted > low) & (new.predicted <= high)).mean()
        assert (weights @ inside) / weights.sum() == pytest.approx(share, abs=0.006)


def test_the_exact_rate_of_the_flat_world_is_below_delta_and_grows_with_the_start() -> None:
    rates = [exact_flat(5000, factor) for factor in (2.0, 10.0)]
    assert rates == pytest.approx([0.02766, 0.04014], abs=1e-5)
    assert exact_flat(5000, 2.0, level=0.1) == pytest.approx(0.06241, abs=1e-5)


def test_coverage_of_all_slices_is_what_patients_show() -> None:
    rng = np.random.default_rng(5)
    errors = rng.normal(0, BETWEEN, (40_000, 1)) + rng.normal(0, WITHIN, (40_000, SLICES))
    for reach in (0.08, 0.14):
        shown = (np.abs(errors) <= reach).all(axis=1).mean()
        assert _covers_all(np.array([reach]))[0] == pytest.approx(shown, abs=0.01)


def test_ranks_are_exact_and_nine_patients_are_the_fewest_at_90_percent() -> None:
    assert ours_off(300) == 0
    assert len(MISCOVERAGE) == 12
    assert [exact_rank(n, "0.1") for n in (8, 9, 19, 99)] == [None, 9, 18, 90]
    few = ends_of_few()
    assert few["8"] == [0.0, 1.0]
    assert few["9"] == pytest.approx([0.2, 0.8])
