"""The demo's shipped ensemble."""

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from segqc_conformal.demo import ensemble
from segqc_conformal.demo.cohort import generate_case
from segqc_conformal.demo.ensemble import WEIGHTS, demo_network, demo_predictors, z_score
from segqc_conformal.dice import dice
from segqc_conformal.errors import FileFormatError

CASES = 40


@pytest.fixture(scope="module")
def members():
    return demo_predictors()


def judged(members, scanner):
    """Dice of the fused mask and pairwise Dice of the members, one row per case."""
    found, agreement = [], []
    for index in range(CASES):
        case = generate_case(1, index, scanner=scanner)
        with torch.inference_mode():
            samples = torch.stack([member(case.channels_first()) for member in members])
        fused = samples.mean(dim=0).argmax(dim=0).numpy()
        masks = samples.argmax(dim=1).numpy()
        found.append([dice(fused == k, case.reference == k) for k in (1, 2)])
        pairs = list(combinations(masks, 2))
        agreement.append([np.mean([dice(a == k, b == k) for a, b in pairs]) for k in (1, 2)])
    return np.array(found), np.array(agreement)


@pytest.fixture(scope="module")
def original(members):
    return judged(members, "original")


def test_all_weights_together_are_at_most_one_megabyte():
    assert WEIGHTS.stat().st_size <= 1_000_000


def test_members_are_four_different_models_in_evaluation_mode(members):
    assert len({member.model_id for member in members}) == 4
    assert not any(module.training for member in members for module in member.model.modules())


def test_loading_twice_gives_the_same_probabilities(members):
    image = generate_case(0, 0).channels_first()
    with torch.inference_mode():
        for one, two in zip(members, demo_predictors(), strict=True):
            assert torch.equal(one(image), two(image))


def test_members_have_dropout_for_monte_carlo_sampling():
    rates = [m.p for m in demo_network().modules() if isinstance(m, torch.nn.Dropout)]

    assert rates
    assert set(rates) == {0.1}


def test_dice_spreads_from_failure_to_excellent(original):
    found, _ = original

    assert found.min() < 0.3
    assert found.max() > 0.92
    assert 0.6 < (found > 0.8).mean() < 0.9


def test_members_disagree_where_they_are_wrong(original):
    found, agreement = original

    assert spearmanr(found.ravel(), agreement.ravel()).statistic > 0.5


def test_the_scanner_change_costs_dice_but_not_all_of_it(members, original):
    before = (original[0].min(axis=1) > 0.8).mean()
    after = (judged(members, "replaced")[0].min(axis=1) > 0.8).mean()

    assert 0.1 < after < before - 0.15


def test_z_score_matches_numpy():
    image = torch.arange(24.0).reshape(1, 2, 3, 4)
    expected = (image.numpy() - 11.5) / np.arange(24.0).std()

    assert z_score(image).numpy() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("size", [0, 7, 5_000])
def test_truncated_weights_are_refused(size, tmp_path, monkeypatch):
    cut = tmp_path / "ensemble.safetensors"
    cut.write_bytes(WEIGHTS.read_bytes()[:size])
    monkeypatch.setattr(ensemble, "WEIGHTS", cut)

    with pytest.raises(FileFormatError, match=r"ensemble\.safetensors"):
        demo_predictors()


def test_missing_weights_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(ensemble, "WEIGHTS", tmp_path / "none.safetensors")

    with pytest.raises(FileFormatError, match=r"train_demo_ensemble\.py"):
        demo_predictors()
