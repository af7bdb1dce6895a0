"""Row 1 (Hoebel et al. 2020): mean uncertainty over the predicted structure, and its Dice."""

import numpy as np
import pandas as pd
import pytest
from disc_segmenter import disc_image, dropout_table, trained
from literature_row import LiteratureRow

import segqc_conformal as sq

ROW = LiteratureRow(
    system="Uncertainty of segmentation networks",
    paper="Hoebel et al. (2020)",
    signal="mean over the predicted structure of several maps of the same dropout samples",
    names=(
        "sampling.mc_dropout.MCDropout",
        "uncertainty.accumulator.UncertaintyAccumulator",
        "quality.correlation.feature_correlations",
    ),
    asserted="of a small dropout network each of five means falls with Dice, by Pearson and by "
    "Spearman, and all five come from one pass over the samples",
    reconstruction="the abstract breaks off at a method named Maximum; it is read as the largest "
    "mean probability (the map confidence).",
)
MAPS = {
    "predictive_entropy": "predictive_entropy",
    "expected_entropy": "expected_entropy",
    "mutual_information": "mutual_information",
    "variance": "variance_judged_mean",
    "confidence": "confidence_judged_mean",
}
SIGN = pd.Series({name: 1 if name == "confidence" else -1 for name in MAPS})


def correlations(table: pd.DataFrame) -> pd.DataFrame:
    """Return Pearson and Spearman of each mean with Dice, so turned that 1 is best."""
    found = sq.feature_correlations(table).set_index("feature").loc[list(MAPS.values())]
    return found.set_index(pd.Index(MAPS))[["pearson", "spearman"]].mul(SIGN, axis=0)


def test_row_01_the_mean_of_every_map_goes_with_dice() -> None:
    assert (correlations(dropout_table()) > 0.4).all(axis=None)


def test_row_01_the_means_are_those_of_the_maps_over_the_predicted_mask() -> None:
    image, _ = disc_image(np.random.default_rng(0), 0.8)
    schema = sq.FeatureSchema("full")
    accumulator = sq.UncertaintyAccumulator({"disc": 1}, schema=schema, maps=MAPS)
    samples = [sample.numpy() for sample in sq.MCDropout(6)(trained(0, dropout=0.2), image)]
    for sample in samples:
        accumulator.update(sample)
    maps, found = accumulator.maps(MAPS), accumulator.features()["disc"]
    mask = np.mean(samples, axis=0)[1] > 0.5
    for name, feature in MAPS.items():
        assert found[feature] == pytest.approx(maps[name][mask].mean(), abs=1e-5)


def test_row_01_twin_means_of_other_cases_say_nothing() -> None:
    table = dropout_table()
    order = np.random.default_rng(0).permutation(len(table))
    assert (correlations(table.assign(dice=table["dice"].to_numpy()[order])) < 0.3).all(axis=None)
