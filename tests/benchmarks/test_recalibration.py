"""From an alarm to a new promise: quick, seeded, beside twins that must fail."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("monitors_real")

import recalibration
import recalibration_world as world
from monitors_real import DataSet, drawn_split
from recalibration_fresh import SIZES, Held, on_fresh_patients
from recalibration_law import law, law_row, real_row
from recalibration_page import section
from recalibration_phases import counts, judged_cases, phase_row
from recalibration_real import fresh_row, noticed
from recalibration_stream import LABELS, streamed
from scipy.stats import beta

# The Beta law, simulated.


@pytest.fixture(scope="module")
def quick() -> list[dict[str, Any]]:
    return world.simulated(recalibration.QUICK_REPEATS, recalibration.QUICK_JUDGED, 41)


def test_coverage_after_recalibration_keeps_its_law_and_twins_do_not(quick) -> None:  # type: ignore[no-untyped-def]
    assert [row["fresh"] for row in quick] == list(SIZES)
    assert [row[world.OURS]["patients"] for row in quick] == [60, 80]
    assert [row[world.OURS]["vetoed"] for row in quick] == [0, 0]
    assert all(row[world.OURS]["kept"] for row in quick)
    assert not any(row[twin]["kept"] for row in quick for twin in world.TWINS)
    assert all(row[twin]["mean"] < 0.86 for row in quick for twin in world.TWINS)


def exact(patients: int, law_of: tuple[int, int], repeats: int = 200) -> list[Held]:
    coverage = beta(*law_of).rvs(repeats, random_state=np.random.default_rng(3))
    return [Held(patients, round(500 * share), 500) for share in coverage]


def test_the_test_of_the_law_keeps_the_law_and_catches_one_rank_less() -> None:
    assert law(60) == (55, 6)
    row = law_row(exact(60, law(60)), cells=2)
    assert row["kept"]
    assert row["law_mean"] == pytest.approx(55 / 61)
    assert 0.015 < (row["below"] + row["above"]) / 200 < 0.09
    assert not law_row(exact(60, (54, 7)), cells=2)["kept"]


def test_the_right_mean_with_a_wrong_spread_is_caught() -> None:
    assert not law_row(exact(60, (550, 60)), cells=2)["kept"]


def test_repeats_that_judge_nobody_are_left_out() -> None:
    row = real_row([Held(60, 36, 40), Held(60, 0, 0), Held(60, 10, 40), Held(60, 40, 40)])
    assert (row["repeats"], row["below"], row["above"]) == (3, 1, 0)
    assert row["mean"] == pytest.approx(86 / 120)


def test_intervals_on_arrays_are_those_of_recalibrate() -> None:
    rng = np.random.default_rng(5)
    gate = world.calibrated(world.patients(120, False, rng))
    found = on_fresh_patients(gate, world.patients(160, True, rng), rng, checked=True)
    assert [found[size]["ours"].of for size in SIZES] == [100, 60]
    assert [found[size]["ours"].patients for size in SIZES] == [60, 80]
    row = fresh_row(list(found.values()))
    assert (row["checked"], row["same"], row["vetoed"]) == (2, 2, 0)


# The stream of days, with made-up features.


def stream_of(changed: bool, on_watch: str = "keep", new: int = 140) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    clean = world.patients(220, False, rng).assign(version="clean")
    degraded = clean.assign(version="degraded", case_id=clean["case_id"] + "-degraded")
    later = world.patients(new, changed, rng).assign(version="changed")
    table = pd.concat([clean, degraded, later], ignore_index=True)
    data = DataSet("made up", lambda: table, "changed", 100, 100, 20, replace=False)
    split = drawn_split(data, table, rng)
    return streamed(split, world.calibrated(split.labelled, split.fit_patients), rng, on_watch)


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    return stream_of(changed=True)


def test_a_hospital_is_warned_and_recalibrates(kept: dict[str, Any]) -> None:
    phases, new = kept["phases"], ("changed", "under", "after")
    assert (kept["alarm"], kept["early"], kept["labels"]) == ("WATCH", False, LABELS)
    assert kept["outcome"] == "recalibrated"
    assert [phases[name]["cases"] for name in ("before", "under")] == [20, LABELS]
    assert sum(phases[name]["cases"] for name in new) == 140
    assert [phases[name]["warned"] for name in ("before", *new)] == [0, 0, LABELS, 0]
    assert phases["twin"]["cases"] == phases["after"]["cases"]
    assert phases["twin"]["covered"] < 0.75 * phases["twin"]["cases"]
    assert phases["after"]["covered"] > 0.85 * phases["after"]["cases"]
    row = noticed([kept])
    assert row["outcomes"] == {"recalibrated": 1}
    assert row["delay"] == [phases["changed"]["cases"]] * 3


def test_with_on_watch_refer_nothing_passes_under_the_alarm(kept: dict[str, Any]) -> None:
    phases, referred = kept["phases"], stream_of(changed=True, on_watch="refer")["phases"]
    assert phases["changed"] == referred["changed"]
    assert phases["under"]["accepted"] > referred["under"]["accepted"] == 0
    assert phases["under"]["covered"] == referred["under"]["covered"]


def test_without_a_change_nothing_is_recalibrated() -> None:
    found = stream_of(changed=False, new=60)
    assert (found["alarm"], found["early"]) == (None, False)
    assert set(found["phases"]) == {"before", "changed"}
    assert "outcome" not in found


def test_counts_of_a_phase() -> None:
    verdicts = pd.DataFrame(
        {
            "case_id": ["a", "b", "c"],
            "structure": "liver",
            "dice_low": [0.7, 0.0, 0.8],
            "dice_high": [0.9, 1.0, 0.9],
            "accept": [True, False, True],
            "reason": ["certified", "empty_prediction", "certified"],
            "message": ["WATCH since 2026-01-05: x", "", "HARM since 2026-01-05: y"],
        }
    )
    rows = verdicts[["case_id", "structure"]].assign(dice=[0.85, 0.0, 0.6])
    found = counts(judged_cases(verdicts, rows))
    assert found.pop("width") == pytest.approx(0.3)
    expected = {"cases": 3, "promised": 2, "covered": 1, "warned": 2, "accepted": 2, "bad": 1}
    assert found == expected
    row = phase_row([{"phases": {"under": found | {"width": 0.3}}}, {"phases": {}}], "under")
    assert (row["splits"], row["empty"], row["coverage"], row["bad"]) == (1, 1, 0.5, 1)
    assert phase_row([], "under") == {"splits": 0}


# The saved figures and the page.


def test_the_saved_figures_keep_the_law_and_catch_every_twin() -> None:
    figures = json.loads(recalibration.FIGURES.read_text())
    rows = figures["simulated"]
    assert all(row[world.OURS]["kept"] and row[world.OURS]["repeats"] >= 200 for row in rows)
    assert not any(row[twin]["kept"] for row in rows for twin in world.TWINS)
    assert set(figures["real"]) == {"hippocampus", "nuclei"}
    for found in figures["real"].values():
        assert [row["ours"]["repeats"] for row in found["fresh"].values()] == [200, 200]
        assert all(row["same"] == row["checked"] for row in found["fresh"].values())
        assert found["phases"]["changed"]["warned"] == 0.0 < found["phases"]["under"]["warned"]
    assert "not caught" not in section(figures)
