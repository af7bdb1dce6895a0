"""One-class models on two splits of made-up patients."""

import numpy as np
import one_class_measure
import pandas as pd
from one_class_measure import feature_sets, measure_split, summary
from one_class_page import section
from predictors_measure import DataSet

PATIENTS = 130
IDENTITY = {"model_id": "m", "sampler_id": "s", "schema_version": "1", "judged": "fused"}


def made_up(structures: tuple[str, ...] = ("s", "t")) -> pd.DataFrame:
    """Return patients in three versions; the worse, the farther in one feature of each set."""
    rng, rows = np.random.default_rng(0), []
    for version, away in (("clean", 0.0), ("degraded", 3.0), ("new", 12.0)):
        for number in range(PATIENTS):
            for structure in structures:
                far = away * rng.random()
                rows.append((f"p{number:03d}", version, structure, 0.9 - 0.06 * far, far))
    table = pd.DataFrame(rows, columns=["patient_id", "version", "structure", "dice", "far"])
    names = ("log_volume", "component_count", "extent", "largest_component_share", "sphericity")
    for name in (*names, "surface_to_volume", "pairwise_dice", "predictive_entropy"):
        table[f"feature_{name}"] = rng.normal(size=len(table))
    table["feature_extent"] += table["far"]
    table["feature_pairwise_dice"] -= table["far"]
    case_id = table["patient_id"] + "-" + table["version"]
    return table.assign(case_id=case_id, feature_volume_ml=1.0, **IDENTITY)


def test_the_feature_sets_part_the_features() -> None:
    sets = feature_sets(made_up())
    assert set(sets["both"]) == set(sets["shape"]) | set(sets["uncertainty"])
    assert not set(sets["shape"]) & set(sets["uncertainty"])
    assert "feature_volume_ml" not in sets["both"]


def test_every_score_is_judged_on_every_version_and_fault(monkeypatch) -> None:
    methods = ("mahalanobis", "nearest")  # the quick ones
    monkeypatch.setattr(one_class_measure, "METHODS", methods)
    data = DataSet("made up", made_up(), "new", 40, 50, 40)
    degraded = data.table.loc[data.table["version"] == "degraded", "case_id"].unique()
    faults = {case: ("blur", place % 2 / 1.0) for place, case in enumerate(degraded)}
    rows = summary([measure_split(data, faults, seed) for seed in range(2)])
    assert [(row["method"], row["features"]) for row in rows] == [
        (method, name) for name in ("shape", "uncertainty", "both") for method in methods
    ]
    for row in rows:
        assert row["patients"] == 50
        assert row["counts"]["clean, good"][1:] == [0, 80]
        new = np.sum([row["counts"][f"new, {what}"] for what in ("good", "bad")], axis=0)
        assert new[2] == 80
        assert new[0] > 40
        assert sum(counts[2] for counts in row["faults"].values()) == 80
    found = {"splits": 2, "sizes": (40, 50, 40), "shifted": "new", "rows": rows}
    text = section({"hippocampus": found})
    assert text.count("| mahalanobis |") == 3
    assert "| blur, mild | " in text
    assert "(promised: at most 5 %)" in text


def test_faults_are_those_the_images_were_made_with() -> None:
    from degradations import KNOWN, degrade, drawn_fault

    image = np.random.default_rng(0).random((8, 8, 8)).astype(np.float32)
    for seed in range(3):
        drawn = drawn_fault(np.random.default_rng(seed), tuple(KNOWN))
        assert degrade(image, seed)[1:] == drawn
