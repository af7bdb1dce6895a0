"""Row 7 (Mehrtash et al. 2019): mean entropy of an ensemble over its foreground, logit Dice."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from disc_segmenter import disc_image, trained
from literature_row import LiteratureRow
from net_cases import area_under_roc
from scipy.special import logit
from scipy.stats import pearsonr

import segqc_conformal as sq
from segqc_conformal.evaluation.probability_error import brier, ece, nll
from segqc_conformal.quality.regressor import QualityRegressor

ROW = LiteratureRow(
    system="Confidence of ensembles",
    paper="Mehrtash et al. (2019)",
    signal="mean entropy of an ensemble over its predicted foreground",
    names=(
        "sampling.deep_ensemble.DeepEnsemble",
        "uncertainty.accumulator.UncertaintyAccumulator",
        "quality.link.link_of",
        "evaluation.probability_error.nll",
        "evaluation.probability_error.brier",
        "evaluation.probability_error.ece",
    ),
    asserted="of three small networks it is linear in logit Dice, predicts the Dice of new images, "
    "and is larger on images of more noise than trained them; their mean in probability has "
    "better NLL and Brier score than they have",
    reconstruction="the abstract does not say that Dice is taken on the logit scale.",
)

STARTS = range(3)  # the networks differ in where their training began


def accumulated(image: np.ndarray) -> sq.UncertaintyAccumulator:
    accumulator = sq.UncertaintyAccumulator({"disc": 1})
    for sample in sq.DeepEnsemble([trained(start) for start in STARTS])(None, torch.tensor(image)):
        accumulator.update(sample)
    return accumulator


@cache
def table() -> pd.DataFrame:
    """Segment discs in more and less noise."""
    rng, rows = np.random.default_rng(7), []
    for number in range(120):
        noise = rng.uniform(0.1, 1.2)
        image, disc = disc_image(rng, noise)
        accumulator = accumulated(image)
        mask = accumulator.fused_mask() == 1
        if not mask.any():
            continue
        entropy = accumulator.features()["disc"]["predictive_entropy"]
        dice = 2.0 * (mask & disc).sum() / (mask.sum() + disc.sum())
        rows.append((f"p{number}", "disc", noise, entropy, dice))
    columns = ["patient_id", "structure", "noise", "feature_entropy", "dice"]
    return pd.DataFrame(rows, columns=columns)


def on_the_line(dice: pd.Series) -> np.ndarray:
    return logit(np.clip(dice, 0.02, 0.98))


def test_row_07_entropy_over_the_foreground_is_linear_in_logit_dice() -> None:
    rows = table()
    assert pearsonr(rows["feature_entropy"], on_the_line(rows["dice"]))[0] < -0.7
    half, features = len(rows) // 2, rows[["structure", "feature_entropy"]]
    fitted = QualityRegressor("linear").fit(features[:half], rows["dice"][:half])
    error = np.abs(fitted.predict(features[half:]) - rows["dice"][half:]).mean()
    assert error < 0.7 * np.abs(rows["dice"][half:] - rows["dice"][:half].median()).mean()


def test_row_07_images_unlike_those_that_trained_have_more_of_it() -> None:
    rows = table()
    assert area_under_roc(rows["feature_entropy"], (rows["noise"] > 0.7).to_numpy()) > 0.85


def test_row_07_the_mean_in_probability_is_better_than_its_members() -> None:
    rng, said, truth = np.random.default_rng(1), [], []
    for _ in range(20):
        image, disc = disc_image(rng, 0.6)
        members = [np.asarray(trained(start)(torch.tensor(image)))[1] for start in STARTS]
        maps = accumulated(image).maps(["mean_probability"])
        assert maps["mean_probability"][1] == pytest.approx(np.mean(members, axis=0), abs=1e-5)
        said.append([*members, maps["mean_probability"][1]])
        truth.append(disc)
    true = np.ravel(truth)
    by_model = [each.clip(0.0, 1.0).ravel() for each in np.swapaxes(said, 0, 1)]
    for metric in (nll, brier):
        scores = [metric(each, true) for each in by_model]
        assert scores[-1] < np.mean(scores[:-1])
    assert 0.0 < ece(by_model[-1], true) < 0.1


def test_row_07_twin_entropies_of_other_images_predict_nothing() -> None:
    rows = table()
    order = np.random.default_rng(0).permutation(len(rows))
    shuffled = rows["feature_entropy"].to_numpy()[order]
    assert abs(pearsonr(shuffled, on_the_line(rows["dice"]))[0]) < 0.3
    assert abs(area_under_roc(shuffled, (rows["noise"] > 0.7).to_numpy()) - 0.5) < 0.2
