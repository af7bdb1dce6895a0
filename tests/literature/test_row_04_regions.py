"""Row 4 (Ghosal et al. 2021): uncertainty by sub-region of the tissue, and a linear model of it."""

import numpy as np
import pandas as pd
import pytest
from literature_row import LiteratureRow

import segqc_conformal as sq
from segqc_conformal.quality.cross_fit import cross_fitted
from segqc_conformal.quality.regressor import QualityRegressor

ROW = LiteratureRow(
    system="Prostate biopsies",
    paper="Ghosal et al. (2021)",
    signal="mean uncertainty in each sub-region of the tissue, and a linear model of Dice on them",
    names=(
        "measures.caller_regions.caller_regions",
        "measures.schema.FeatureSchema",
        "quality.regressor.QualityRegressor",
    ),
    asserted="where errors lie in one of two uncertain regions, a linear model of both is nearer "
    "to Dice than the overall mean, and puts its weight on that region; an absent region leaves a "
    "usable case",
)

REGIONS = {"apex": 1, "base": 2}
SIDE, SAMPLES = 24, 6


def _case(rng: np.random.Generator, number: int) -> dict[str, object]:
    """Return a case in which samples disagree in both regions, and are wrong in the apex alone."""
    region_map = np.ones((SIDE, SIDE), dtype=np.int64)
    region_map[SIDE // 2 :] = 2 if number % 10 else 3  # some images lack the base
    truth = np.zeros((SIDE, SIDE), dtype=bool)
    truth[4:20, 4:20] = True
    doubt = {1: rng.uniform(0.0, 0.45), 2: rng.uniform(0.0, 0.45), 3: 0.0}
    unsure = np.vectorize(doubt.get)(region_map)
    # what the apex hides is lost in truth; in the base the samples only hesitate
    wrong = (rng.random(truth.shape) < unsure) & (region_map == 1)
    reference = truth & ~wrong
    accumulator = sq.UncertaintyAccumulator(
        {"gland": 1}, region_map=region_map, schema=sq.FeatureSchema("standard", regions=REGIONS)
    )
    for _ in range(SAMPLES):
        inside = np.clip(1.0 - unsure + rng.normal(0.0, 0.02, truth.shape), 0.5, 1.0)
        probability = np.where(truth, inside, 0.0)
        accumulator.update(np.stack([1.0 - probability, probability]))
    mask = np.asarray(accumulator.fused_mask()) == 1
    found = accumulator.features()["gland"]
    both = mask.sum() + reference.sum()
    return {
        "patient_id": f"p{number:03d}",
        "structure": "gland",
        "dice": 2.0 * (mask & reference).sum() / both,
        "overall": found["predictive_entropy"],
        "feature_apex": found["predictive_entropy_in_apex"],
        "feature_base": found["predictive_entropy_in_base"],
        "share_in_base": found["share_in_base"],
    }


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    return pd.DataFrame([_case(rng, number) for number in range(120)])


def _error(table: pd.DataFrame, columns: list[str]) -> float:
    rows = table[["patient_id", "structure", *columns]]
    predicted = cross_fitted(QualityRegressor("linear"), rows, table["dice"]).predicted
    return float(np.abs(predicted - table["dice"]).mean())


def test_row_04_uncertainty_by_region_says_more_than_the_overall_mean(table: pd.DataFrame) -> None:
    overall = table.assign(feature_overall=table["overall"])
    by_region, single = (
        _error(table, ["feature_apex", "feature_base"]),
        _error(overall, ["feature_overall"]),
    )
    assert by_region < 0.85 * single
    rows = table[["structure", "feature_apex", "feature_base"]]
    model = QualityRegressor("linear").fit(rows, table["dice"]).model_
    apex, base = model[-1].coef_[:2]
    assert apex < 0  # more doubt in the apex, less Dice
    assert abs(base) < 0.2 * abs(apex)


def test_row_04_an_absent_region_leaves_a_usable_case(table: pd.DataFrame) -> None:
    absent = table[table["share_in_base"] == 0.0]
    assert len(absent) == 12
    assert np.isfinite(absent[["feature_apex", "feature_base"]]).all(axis=None)


def test_row_04_twin_regions_of_other_patients_say_nothing(table: pd.DataFrame) -> None:
    order = np.random.default_rng(0).permutation(len(table))
    columns = ["feature_apex", "feature_base"]
    shuffled = table.assign(**{name: table[name].to_numpy()[order] for name in columns})
    constant = np.abs(table["dice"] - table["dice"].median()).mean()
    assert _error(shuffled, columns) > 0.9 * constant
    assert _error(table, columns) < 0.7 * constant
