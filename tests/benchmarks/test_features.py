"""The feature benchmark: its correlations are those of the cases, its page says no others."""

from __future__ import annotations

import json
import os
from pathlib import Path

import features
import numpy as np
import pandas as pd
import pytest
from feature_cases import DATA_SETS, VERSIONS, extract
from features_leading import leading
from features_page import section
from features_summary import summary
from scipy.stats import pearsonr, spearmanr

from segqc_conformal.measures.schema import FeatureSchema


def table(structures: tuple[str, ...], seed: int, patients: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    names = [f"p{number:02}" for number in range(patients)]
    ids = pd.MultiIndex.from_product([names, structures]).to_frame(index=False)
    dice = rng.uniform(0.5, 0.95, len(ids))
    return pd.DataFrame(
        {
            "case_id": ids[0],
            "patient_id": ids[0],
            "structure": ids[1],
            "model_id": "m",
            "sampler_id": "s",
            "schema_version": "full-1",
            "judged": "fused",
            "failed": None,
            "dice": dice,
            "feature_pairwise_dice": dice + 0.05 * rng.normal(size=len(ids)),
            "feature_predictive_entropy": -dice + 0.1 * rng.normal(size=len(ids)),
            "feature_log_volume": 2.0,
            "feature_volume_ml": rng.lognormal(size=len(ids)),
            "feature_variance_judged_mean": -dice + 0.1 * rng.normal(size=len(ids)),
        }
    )


TABLES = {
    (data, version, sampler): table(
        ("anterior", "posterior") if data == "hippocampus" else ("nuclei",), seed
    )
    for seed, (sampler, data, version) in enumerate(
        (sampler, data, version)
        for sampler in ("ensemble", "dropout")
        for data in DATA_SETS
        for version in VERSIONS
    )
}
FIGURES = {
    "date": "2026-01-01",
    "machine": "2 cores",
    "minutes": 1.0,
    "versions": {"numpy": "2"},
    "schema": "full-1",
    "dropout_samples": 10,
    **summary(TABLES),
}


GROUPS = {
    "pairwise_dice": "agreement",
    "predictive_entropy": "entropies",
    "variance_judged_mean": "map_means",
    "log_volume": "size",
    "volume_ml": "size",
}


def row(page: str, heading: str, name: str) -> list[str]:
    part = page.split(heading)[1]
    line = next(line for line in part.splitlines() if f"`{name}`" in line and line[0] == "|")
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_figures_are_the_correlations_of_each_table() -> None:
    by_name = {one["feature"]: one for one in FIGURES["features"]}
    assert set(by_name) == set(GROUPS)
    assert len(FIGURES["columns"]) == 2 * (2 * 3 + 3)
    for i, column in enumerate(FIGURES["columns"]):
        rows = TABLES[column["data"], column["version"], column["sampler"]]
        rows = rows[rows["structure"] == column["structure"]]
        entropy = by_name["predictive_entropy"]
        x, y = rows["feature_predictive_entropy"], rows["dice"]
        assert entropy["spearman"][i] == pytest.approx(spearmanr(x, y)[0], abs=6e-4)
        assert entropy["pearson"][i] == pytest.approx(pearsonr(x, y)[0], abs=6e-4)
        assert by_name["log_volume"]["spearman"][i] is None
        assert column["patients"] == 30
        assert column["bad"] == pytest.approx((y <= 0.8).mean(), abs=1e-4)


def test_groups_are_the_files_that_measure() -> None:
    assert {one["feature"]: one["group"] for one in FIGURES["features"]} == GROUPS
    assert [one["group"] for one in FIGURES["features"]] == sorted(GROUPS.values())


def test_every_feature_of_the_full_schema_has_a_group_and_a_meaning() -> None:
    ids = table(("a",), 0).drop(columns=[f"feature_{name}" for name in GROUPS])
    measured = {f"feature_{name}": ids["dice"] for name in FeatureSchema("full").names}
    one = pd.concat([ids, pd.DataFrame(measured)], axis=1)
    found = summary({("x", "clean", "ensemble"): one})["features"]
    assert {feature["feature"] for feature in found} == set(FeatureSchema("full").names)
    assert all(feature["group"] and feature["meaning"] for feature in found)


def test_page_averages_structures_and_marks_constant_features() -> None:
    page = section(FIGURES)
    entropy = next(one for one in FIGURES["features"] if one["feature"] == "predictive_entropy")
    pooled = (entropy["spearman"][0] + entropy["spearman"][1]) / 2
    cells = row(page, "### Every feature", "predictive_entropy")
    assert cells[:3] == ["entropies", "`predictive_entropy`", f"{pooled:+.2f}"]
    assert len(cells) == 2 + 6
    assert row(page, "### Every feature", "log_volume")[2:] == ["constant"] * 6
    means = row(page, "### Each map's mean", "variance")
    variance = next(one for one in FIGURES["features"] if one["feature"] == "variance_judged_mean")
    assert means[1] == f"{variance['spearman'][0]:+.2f} ({variance['pearson'][0]:+.2f})"
    assert len(means) == 1 + 9


def test_leaders_are_the_strongest_and_tissue_does_not_count() -> None:
    assert leading(FIGURES)[:2] == ["pairwise_dice", "predictive_entropy"]
    figures = json.loads(json.dumps(FIGURES))
    tissue = next(
        i
        for i, one in enumerate(figures["columns"])
        if (one["data"], one["version"]) == ("nuclei", "shifted")
    )
    for one in figures["features"]:
        one["spearman"][tissue] = 1.0 if one["feature"] == "volume_ml" else 0.0
    assert leading(figures) == leading(FIGURES)


def test_features_whose_interval_keeps_one_sign_are_counted() -> None:
    # the volume does not follow Dice
    assert "3 of 5 features have an interval on one side of 0" in section(FIGURES)


def test_saved_figures_are_what_was_measured() -> None:
    text = features.written(FIGURES)
    assert json.loads(text) == FIGURES
    assert len(text.splitlines()) < 60


@pytest.mark.parametrize("data", DATA_SETS)
def test_real_cases_of_each_version_have_features_and_dice(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not os.environ.get("SEGQC_DATA"):
        pytest.skip("SEGQC_DATA is not set: it names the folder of data and models")
    monkeypatch.setenv("SEGQC_CACHE", str(tmp_path))
    wanted = [DATA_SETS[data].wanted(version)[0] for version in VERSIONS]
    found = extract(data, wanted, "ensemble")
    assert found["failed"].isna().all()
    assert len(found) == 3 * len(DATA_SETS[data].structures)
    assert found["dice"].between(0, 1).all()
    kept = [file for file in tmp_path.rglob("*.json")]
    assert len(kept) == 3
    pd.testing.assert_frame_equal(extract(data, wanted, "ensemble"), found)
