"""The benchmark measures what the gate does, splits by patient, and its page keeps the figures."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from member_dice import COLUMNS as MEMBER_DICE
from splits_measure import SIZES, SplitResult, measure_split, split_rows, world_rows
from splits_methods import BASELINES, OURS, mapie_interval, own_interval, sample_range
from splits_page import section
from splits_summary import summary

from segqc_conformal import QualityGate
from segqc_conformal.evaluation import summarise, with_true_dice


def feature_table(patients: int = 220) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    rows = []
    for number in range(patients):
        for version in ("clean", "degraded"):
            for structure in ("anterior", "posterior"):
                agreement = rng.beta(12, 2) if version == "clean" else rng.beta(5, 2)
                rows.append(
                    {
                        "case_id": f"p{number:03}-{version}",
                        "patient_id": f"p{number:03}",
                        "structure": structure,
                        "model_id": "m",
                        "sampler_id": "s",
                        "schema_version": "1",
                        "judged": "fused",
                        "version": version,
                        "dice": float(np.clip(agreement + 0.05 * rng.normal(), 0, 1)),
                        "feature_pairwise_dice": float(
                            np.clip(agreement + 0.05 * rng.normal(), 0, 1)
                        ),
                        "feature_soft_dice_confidence": float(agreement),
                        "feature_volume_ml": float(rng.uniform(1, 2)),
                        **dict(zip(MEMBER_DICE, rng.beta(20, 2, 5).tolist(), strict=True)),
                    }
                )
    return pd.DataFrame(rows)


TABLE = feature_table()


@pytest.fixture(scope="module")
def result() -> SplitResult:
    return measure_split(TABLE, "mixed", 2)


def test_split_parts_share_no_patient_and_one_case_each() -> None:
    parts = split_rows(world_rows(TABLE, "mixed", 0), 0)
    patients = {name: set(rows["patient_id"]) for name, rows in parts.items()}
    assert {name: len(names) for name, names in patients.items()} == SIZES
    assert len(set.union(*patients.values())) == sum(SIZES.values())
    assert all(len(rows) == 2 * SIZES[name] for name, rows in parts.items())


def test_mixed_world_changes_with_the_seed_and_draws_both_versions() -> None:
    drawn = [world_rows(TABLE, "mixed", seed) for seed in (0, 1)]
    assert set(drawn[0]["case_id"]) != set(drawn[1]["case_id"])
    assert all(0.35 < (rows["version"] == "clean").mean() < 0.65 for rows in drawn)


def test_our_rows_are_what_the_gate_itself_gives(result: SplitResult) -> None:
    parts = split_rows(world_rows(TABLE, "mixed", 2), 2)
    labelled = pd.concat([parts["fit"], parts["calibration"]])
    gate = QualityGate(tolerated_error=0.20).calibrate(
        labelled.drop(columns="version"), list(parts["fit"]["patient_id"].unique())
    )
    counts = summarise(with_true_dice(gate.judge(parts["test"]), parts["test"]))
    for row in result.intervals:
        if row["method"] == OURS:
            assert row["coverage"] == pytest.approx(counts.loc[row["structure"], "coverage"])
            assert row["width"] == pytest.approx(counts.loc[row["structure"], "mean_width"])
    for row in result.acceptance:
        if row["method"] == OURS and row["tolerated"] == 0.20:
            assert row["accepted"] / 80 == counts.loc[row["structure"], "share_accepted"]


def test_mapie_and_own_interval_agree_on_plain_residuals() -> None:
    rng = np.random.default_rng(1)
    predicted = rng.uniform(0.4, 0.9, 160)
    rows = pd.DataFrame(
        {
            "predicted_dice": predicted,
            "scale": 1.0,
            "dice": np.clip(predicted + 0.1 * rng.normal(size=160), 0, 1),
        }
    )
    calibration, test = rows[:80], rows[80:]
    np.testing.assert_allclose(
        own_interval(calibration, test), mapie_interval(calibration, test), atol=1e-12
    )


def test_sample_range_is_the_members_quantiles_and_reads_no_label() -> None:
    parts = split_rows(world_rows(TABLE, "clean", 0), 0)
    unlabelled = {name: rows.assign(dice=0.5) for name, rows in parts.items()}
    scored = sample_range(parts, ("anterior", "posterior"))["test"]
    again = sample_range(unlabelled, ("anterior", "posterior"))["test"]
    np.testing.assert_array_equal(scored["lower"], again["lower"])
    row = scored.iloc[0]
    dice = np.sort(row[list(MEMBER_DICE)].to_numpy(dtype=float))
    # of five values the 5 % quantile lies a fifth of the way from the smallest to the next
    assert row["lower"] == pytest.approx(0.8 * dice[0] + 0.2 * dice[1])
    assert row["upper"] == pytest.approx(0.8 * dice[4] + 0.2 * dice[3])
    assert row["predicted_dice"] == pytest.approx(dice.mean())


def test_no_method_learns_from_the_members_columns(result: SplitResult) -> None:
    spoiled_table = TABLE.copy()
    spoiled_table[list(MEMBER_DICE)] = TABLE[list(MEMBER_DICE)].to_numpy()[::-1]
    spoiled = measure_split(spoiled_table, "mixed", 2)
    for row, other in zip(result.intervals, spoiled.intervals, strict=True):
        if not row["method"].startswith("performance range"):
            assert row == other


def test_a_single_structure_has_no_whole_case() -> None:
    found = measure_split(TABLE[TABLE["structure"] == "anterior"], "clean", 0)
    assert {row["structure"] for row in found.intervals} == {"anterior"}
    assert {row["method"] for row in found.intervals} == {OURS, *BASELINES}


def test_ratio_is_to_the_narrowest_rival_and_apart_for_unseen_patients(
    result: SplitResult,
) -> None:
    seen = {f"p{number:03}" for number in range(110)}
    found = summary([("mixed", result)], seen)
    for row in found["ratios"]:
        widths = {
            one["method"]: one["width"]
            for one in found["intervals"]
            if one["structure"] == row["structure"]
        }
        rivals = {name: widths[name] for name, method in BASELINES.items() if method.rival}
        assert row["best_rival"] == min(rivals, key=lambda name: rivals[name])
        assert row["ratio"] == pytest.approx(widths[OURS] / min(rivals.values()))
        unseen = [
            one
            for one in result.widths
            if one["structure"] == row["structure"] and one["patient_id"] not in seen
        ]
        ours, theirs = (
            np.mean([one["width"] for one in unseen if one["method"] == method])
            for method in (OURS, row["best_rival"])
        )
        assert row["ratio_unseen"] == pytest.approx(ours / theirs)


def test_page_states_coverage_outside_the_band_and_every_method(result: SplitResult) -> None:
    figures = {
        "splits": 1,
        "sizes": SIZES,
        "patients": 220,
        "date": "2026-01-01",
        "machine": "2 cores",
        "minutes": 1.0,
        "versions": {"numpy": "2"},
        "dice": [],
        "floor": [
            {
                "world": "mixed",
                "structure": "anterior",
                "dice_sd": 0.1,
                "width_without_features": 0.3,
                "explained": -0.02,
                "by_fit_patients": [
                    {"fit_patients": size, "unexplained": 0.2, "residual_sd": 0.05, "width": 0.15}
                    for size in (60, 120)
                ],
            }
        ],
        **summary([("mixed", result)], set()),
    }
    page = section({"hippocampus": figures})
    ours = [row for row in result.intervals if row["method"] == OURS]
    inside = sum(0.892 <= row["coverage"] <= 0.910 for row in ours)
    assert f"{inside} of 3 rows of ours do" in page
    assert "| mixed | anterior | 0.100 | 0.050 → 0.050 | 0.200 → 0.200 | -0.02 |" in page
    verdict = "yes" if summary([("mixed", result)], set())["ratios"][0]["ratio"] <= 0.9 else "no"
    assert re.search(rf"\| mixed \| anterior \| [^|]+ \| \d\.\d+ \| {verdict} \|", page)
    assert {row["method"] for row in result.intervals} == {
        line.split(" | ")[0].removeprefix("| ")
        for line in page.splitlines()
        if " | whole_case | " in line and len(line.split(" | ")) == 5
    }
