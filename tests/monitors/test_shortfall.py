from math import inf, nan

import numpy as np
import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.monitors import AcceptedErrorWatch, ShortfallWatch

A = "accepted/A"


def test_the_loss_is_the_share_of_the_threshold_that_is_missing() -> None:
    watch = ShortfallWatch(dice_threshold=0.8)
    for dice in (0.8, 0.95, 0.6, 0.0):
        state = watch.update(dice, "c", A)
    assert state.strata[A].loss == pytest.approx(0 + 0 + 0.25 + 1)


def test_disasters_are_told_from_near_misses() -> None:
    # one case in five is bad in both; an error rate of 0.2 is what both tolerate
    shares = []
    for dice in (0.75, 0.1):
        graded, counted = ShortfallWatch(0.8, 0.05), AcceptedErrorWatch(0.2)
        for number in range(300):
            here = dice if number % 5 == 0 else 0.9
            graded.update(here, f"c{number}", A)
            counted.update(here <= 0.8, f"c{number}", A)
        shares.append((graded.state().state, counted.state().state))
    assert shares == [("OK", "OK"), ("HARM", "OK")]


def test_a_doubled_shortfall_is_noticed() -> None:
    delays = []
    for seed in range(41):
        rng, watch = np.random.default_rng([seed, 1]), ShortfallWatch(0.8, 0.05)
        for number in range(600):
            share = 0.16 if number < 100 else 0.4
            bad = rng.random() < share
            dice = 0.8 * (1 - 0.5 * rng.random()) if bad else 0.9
            if watch.update(dice, f"c{number}", A).alarm:
                break
        delays.append((watch.state().alarmed_at or 600) - 100)
    assert 0 < np.median(delays) < 120


@pytest.mark.parametrize("dice", [nan, inf, 1.1, -0.1, None])
def test_a_missing_dice_is_refused(dice: float) -> None:
    with pytest.raises(InputError, match=r"case c1: expected Dice in \[0, 1\]"):
        ShortfallWatch().update(dice, "c1", A)


def test_settings_out_of_range_are_refused() -> None:
    for settings in ((0.0, 0.05), (1.1, 0.05), (0.8, 0.0), (0.8, 1.0)):
        with pytest.raises(InputError):
            ShortfallWatch(*settings)


def test_continues_bit_for_bit_after_a_round_trip() -> None:
    kept = read = ShortfallWatch(0.7, 0.03, horizon=200)
    for number, dice in enumerate(np.random.default_rng(2).beta(8, 2, size=60)):
        read = ShortfallWatch.from_json(read.to_json())
        for watch in (kept, read):
            watch.update(dice, f"c{number}", A)
    assert read is not kept
    assert read.to_json() == kept.to_json()
