"""Row 7 (Mehrtash et al. 2020): mean entropy of an ensemble over its foreground, and logit Dice."""

from functools import cache

import numpy as np
import pandas as pd
import torch
from monai.networks.nets import UNet
from scipy.special import logit
from scipy.stats import pearsonr

import segqc_conformal as sq
from segqc_conformal.quality.regressor import QualityRegressor

SIDE, STEPS = 24, 60


def _image(rng: np.random.Generator, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a bright disc in noise, and where it is."""
    centre, radius = rng.uniform(9, 15, 2), rng.uniform(4, 8)
    grid = np.indices((SIDE, SIDE))
    disc = ((grid - centre[:, None, None]) ** 2).sum(axis=0) <= radius**2
    return (disc + rng.normal(0.0, noise, disc.shape)).astype(np.float32)[None], disc


def _trained(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = UNet(2, 1, 2, channels=(4, 8), strides=(2,), num_res_units=1)
    optimiser = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(STEPS):
        pairs = [_image(rng, rng.uniform(0.1, 0.5)) for _ in range(8)]
        images = torch.tensor(np.stack([image for image, _ in pairs]))
        labels = torch.tensor(np.stack([disc for _, disc in pairs])).long()
        loss = torch.nn.functional.cross_entropy(network(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network.eval()


@cache
def table() -> pd.DataFrame:
    """Segment discs in more and less noise with three networks trained from other starts."""
    members = [sq.Predictor(_trained(seed), activation="softmax") for seed in range(3)]
    ensemble, rng, rows = sq.DeepEnsemble(members), np.random.default_rng(7), []
    for number in range(120):
        image, disc = _image(rng, rng.uniform(0.1, 1.2))
        accumulator = sq.UncertaintyAccumulator({"disc": 1})
        for sample in ensemble(None, torch.tensor(image)):
            accumulator.update(sample)
        mask = np.asarray(accumulator.fused_mask()) == 1
        if not mask.any():
            continue
        entropy = accumulator.features()["disc"]["predictive_entropy"]
        dice = 2.0 * (mask & disc).sum() / (mask.sum() + disc.sum())
        rows.append((f"p{number}", "disc", entropy, dice))
    return pd.DataFrame(rows, columns=["patient_id", "structure", "feature_entropy", "dice"])


def test_row_07_entropy_over_the_foreground_is_linear_in_logit_dice() -> None:
    rows = table()
    line = logit(np.clip(rows["dice"], 0.02, 0.98))
    assert pearsonr(rows["feature_entropy"], line)[0] < -0.7
    half = len(rows) // 2
    fitted = QualityRegressor("linear").fit(rows[:half], rows["dice"][:half])
    error = np.abs(fitted.predict(rows[half:]) - rows["dice"][half:]).mean()
    assert error < 0.7 * np.abs(rows["dice"][half:] - rows["dice"][:half].median()).mean()


def test_row_07_the_ensemble_is_averaged_in_probability_and_better_than_its_mean_member() -> None:
    rng = np.random.default_rng(1)
    members = [sq.Predictor(_trained(seed), activation="softmax") for seed in range(3)]
    of_members, of_ensemble = [], []
    for _ in range(20):
        image, disc = _image(rng, 0.6)
        samples = [np.asarray(each(torch.tensor(image)))[1] for each in members]
        # negative log likelihood of the truth, voxel by voxel
        score = [-np.log(np.clip(np.where(disc, p, 1.0 - p), 1e-6, 1.0)).mean() for p in samples]
        mean = np.mean(samples, axis=0)
        of_members.append(np.mean(score))
        of_ensemble.append(-np.log(np.clip(np.where(disc, mean, 1.0 - mean), 1e-6, 1.0)).mean())
        accumulator = sq.UncertaintyAccumulator({"disc": 1})
        for sample in samples:
            accumulator.update(np.stack([1.0 - sample, sample]))
        assert np.allclose(accumulator.maps()["mean_probability"][1], mean, atol=1e-5)
    assert np.mean(of_ensemble) < np.mean(of_members)


def test_row_07_twin_entropies_of_other_images_predict_nothing() -> None:
    rows = table()
    order = np.random.default_rng(0).permutation(len(rows))
    shuffled = rows["feature_entropy"].to_numpy()[order]
    assert abs(pearsonr(shuffled, logit(np.clip(rows["dice"], 0.02, 0.98)))[0]) < 0.3
