"""Intervals as the package makes them, and twins that break one rule each."""

from __future__ import annotations

import math

import numpy as np
from guarantees_worlds import HARDER, Array, Sample, shift_weights

from segqc_conformal.calibrators import DiceInterval, QuantileInterval

ALPHA = 0.1
DISTANCE = (0.0, math.inf)
Ends = tuple[Array, Array]


def absolute(cal: Sample, new: Sample) -> Ends:
    return DiceInterval(ALPHA).calibrate(cal.predicted, cal.dice).interval(new.predicted)


def normalised(cal: Sample, new: Sample) -> Ends:
    found = DiceInterval(ALPHA).calibrate(cal.predicted, cal.dice, cal.scale)
    return found.interval(new.predicted, new.scale)


def lower(cal: Sample, new: Sample) -> Ends:
    found = DiceInterval(ALPHA, "lower").calibrate(cal.predicted, cal.dice)
    return found.interval(new.predicted)


def distance(cal: Sample, new: Sample) -> Ends:
    found = DiceInterval(ALPHA, support=DISTANCE, measure="HD95")
    return found.calibrate(cal.predicted, cal.dice).interval(new.predicted)


def quantiles(cal: Sample, new: Sample) -> Ends:
    found = QuantileInterval(ALPHA).calibrate(*as_predicted(cal, cal), cal.dice)
    return found.interval(*as_predicted(cal, new))


def weighted(cal: Sample, new: Sample) -> Ends:
    found = DiceInterval(ALPHA).calibrate(
        cal.predicted, cal.dice, weights=shift_weights(cal, HARDER), weights_are="known"
    )
    return found.interval(new.predicted, weights=shift_weights(new, HARDER))


def one_rank_less(cal: Sample, new: Sample) -> Ends:
    errors = np.sort(np.abs(cal.dice - cal.predicted))
    return _around(new.predicted, errors[-(-9 * (errors.size + 1) // 10) - 2])


def rank_of_85(cal: Sample, new: Sample) -> Ends:
    errors = np.sort(np.abs(cal.dice - cal.predicted))
    return _around(new.predicted, errors[int(0.85 * errors.size) - 1])


def interpolated(cal: Sample, new: Sample) -> Ends:
    reach = float(np.quantile(cal.predicted - cal.dice, 1 - ALPHA))
    return new.predicted - reach, np.ones(new.predicted.size)


def reused(cal: Sample, new: Sample) -> Ends:
    """Two nearest neighbours, fitted on the very patients that calibrate."""
    order = np.argsort(cal.predicted)
    dice = cal.dice[order]
    fitted = 0.5 * (dice + np.roll(dice, -1))
    nearest = np.searchsorted(cal.predicted[order], new.predicted) % dice.size
    again = Sample(fitted, cal.scale[order], dice, dice)
    return normalised(again, new._replace(predicted=fitted[nearest]))


def as_predicted(_: Sample, new: Sample) -> Ends:
    """One scale to each side, 68 %, as an overconfident quantile regression would give."""
    return new.predicted - new.scale, new.predicted + new.scale


def without_own_weight(cal: Sample, new: Sample) -> Ends:
    errors = np.abs(cal.dice - cal.predicted)
    order = np.argsort(errors)
    weight = np.cumsum(shift_weights(cal, HARDER)[order])
    at = int(np.searchsorted(weight, (1 - ALPHA) * weight[-1]))
    return _around(new.predicted, errors[order][min(at, errors.size - 1)])


def _around(predicted: Array, reach: float) -> Ends:
    return predicted - reach, predicted + reach
