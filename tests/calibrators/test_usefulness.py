import itertools

import numpy as np
import pytest
from scipy.stats import spearmanr

from segqc_conformal.calibrators.usefulness import PERMUTATIONS, usefulness
from segqc_conformal.errors import InputError


def test_correlation_is_spearmans_and_p_that_of_all_pairings() -> None:
    rng = np.random.default_rng(1)
    predicted, dice = rng.random(6).round(1), rng.random(6).round(1)
    found = usefulness(predicted, dice)
    assert found.correlation == pytest.approx(spearmanr(predicted, dice).statistic, abs=1e-12)
    pairings = [spearmanr(predicted, order).statistic for order in itertools.permutations(dice)]
    exact = np.mean(np.array(pairings) >= found.correlation - 1e-12)
    assert found.p_value == pytest.approx(exact, abs=4 * np.sqrt(0.25 / PERMUTATIONS))


def rejected(draws: int, useful: float) -> float:
    rng = np.random.default_rng(2)
    found = []
    for seed in range(draws):
        dice = rng.random(25)
        predicted = useful * dice + rng.random(25)
        found.append(usefulness(predicted, dice, seed).informative)
    return float(np.mean(found))


def test_useless_predictions_are_called_informative_in_one_of_twenty_draws() -> None:
    slack = 3 * np.sqrt(0.05 * 0.95 / 200)
    assert rejected(200, useful=0.0) <= 0.05 + slack
    # the twin: predictions that do know something are caught by the same check
    assert rejected(50, useful=1.0) > 0.05 + slack


def test_ties_count_against_the_predictions() -> None:
    # every pairing of two halves with themselves is as good as the observed one in 1 of 20
    assert usefulness([0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1]).p_value == pytest.approx(
        0.05, abs=0.02
    )


@pytest.mark.parametrize(
    ("predicted", "dice"), [([], []), ([0.5, 0.6], [0.1, 0.2]), ([0.5] * 9, np.arange(9) / 9)]
)
def test_few_or_constant_values_are_uninformative(
    predicted: list[float], dice: list[float]
) -> None:
    found = usefulness(predicted, dice)
    assert (found.correlation, found.p_value, found.informative) == (None, 1.0, False)
    assert found.in_words.startswith(f"Uninformative: {len(predicted)} calibration patients cannot")


def test_words_say_what_was_found() -> None:
    good = np.linspace(0, 1, 30)
    assert usefulness(good, good).in_words == (
        "The predicted Dice ranks masks better than chance (rank correlation 1.00, permutation "
        "test p = 0.0005)."
    )
    assert "does not rank masks better than chance" in usefulness(good, -good).in_words


def test_nan_is_refused() -> None:
    with pytest.raises(InputError, match="predicted Dice"):
        usefulness([0.1, np.nan, 0.3], [0.1, 0.2, 0.3])
