"""What every kind of corruption has to do, whatever it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.corruption import KINDS, ReferenceMasks
from segqc_conformal.corruption.reference_masks import masks_of
from segqc_conformal.dice import dice

each_kind = pytest.mark.parametrize("kind", list(KINDS))
STRENGTHS = np.linspace(0.0, 1.0, 9)


def worst_dice(path, reference, strength):
    return min(dice(*pair) for pair in zip(path(strength), reference.masks, strict=True))


@each_kind
@settings(max_examples=15, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32), axes=st.integers(1, 3))
def test_strength_zero_changes_nothing(kind, data, seed, axes):
    shape = data.draw(st.tuples(st.integers(1, 2), *[st.integers(1, 6)] * axes))
    spacing = data.draw(st.tuples(*[st.sampled_from([0.5, 1.0, 4.0])] * axes))
    masks = np.random.default_rng(seed).random(shape) < data.draw(st.sampled_from([0.0, 0.3, 1.0]))
    path = KINDS[kind](ReferenceMasks(masks, spacing), np.random.default_rng(seed))
    assert np.array_equal(path(0.0), masks)
    for strength in (0.3, 1.0):
        corrupted = path(strength)
        assert (corrupted.shape, corrupted.dtype) == (masks.shape, np.bool_)
        empty = ~masks.reshape(len(masks), -1).any(axis=1)
        assert not corrupted[empty].any()


@each_kind
@settings(max_examples=4, deadline=None)
@given(number=st.integers(0, 1000))
def test_more_strength_means_a_lower_dice_on_average(kind, number, volume, picture):
    curves = []
    for case in (volume(number), picture(number)):
        reference = masks_of(case, {"core": 1, "rim": 2})
        for seed in range(6):  # an average of fewer can stray past the bound
            path = KINDS[kind](reference, np.random.default_rng([number, seed]))
            curves.append([worst_dice(path, reference, strength) for strength in STRENGTHS])
    mean = np.mean(curves, axis=0)
    assert mean[0] == 1.0
    assert (np.diff(mean) < 0.02).all()
    assert mean[-1] < 0.2


@each_kind
def test_dice_goes_down_in_small_steps(kind, volume):
    reference = masks_of(volume(0), {"core": 1, "rim": 2})
    path = KINDS[kind](reference, np.random.default_rng(0))
    steps = [worst_dice(path, reference, strength) for strength in np.linspace(0, 1, 400)]
    assert np.abs(np.diff(steps)).max() < 0.04


@each_kind
def test_the_generator_alone_decides_and_the_reference_is_left_alone(kind, volume):
    reference = masks_of(volume(0), {"core": 1})
    before = reference.masks.copy()
    first, same, other = (
        KINDS[kind](reference, np.random.default_rng(seed))(0.4) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    assert np.array_equal(reference.masks, before)


@each_kind
def test_a_mask_at_the_border_of_the_grid_or_all_over_it(kind):
    for mask in (np.ones((1, 6, 6), dtype=bool), np.eye(1, 36, dtype=bool).reshape(1, 6, 6)):
        path = KINDS[kind](ReferenceMasks(mask, (1.0, 1.0)), np.random.default_rng(0))
        assert path(1.0).shape == mask.shape
