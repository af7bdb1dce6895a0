from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage

from segqc_conformal.measures.patches import PATCH_MM, Patches
from segqc_conformal.measures.worst_parts import MEANINGS, worst_parts

SHAPES = st.sampled_from([(30,), (21, 18), (9, 8), (12, 17, 6), (6, 1, 7)])
KINDS = st.sampled_from(["blob", "noise", "full", "one voxel", "corner"])


def brute_force(case, name: str) -> dict[str, float]:
    values, judged = case.maps[name], case.judged
    axis = max(range(judged.ndim), key=lambda a: (case.spacing[a], a))
    slices = [
        rows[mask].mean()
        for rows, mask in zip(
            np.moveaxis(values, axis, 0), np.moveaxis(judged, axis, 0), strict=True
        )
        if mask.any()
    ]
    numbers, count = ndimage.label(judged)
    components = [values[numbers == number].mean() for number in range(1, count + 1)]
    window = [
        1 if length == 1 else max(1, round(PATCH_MM / step))
        for length, step in zip(judged.shape, case.spacing, strict=True)
    ]
    around = [(wide, wide) for wide in window]
    axes = tuple(range(-judged.ndim, 0))
    means = sliding_window_view(np.pad(values, around), window).sum(axes) / np.prod(window)
    touching = sliding_window_view(np.pad(judged, around), window).any(axes)
    return {
        f"{name}_slice_max": max(slices),
        f"{name}_component_max": max(components),
        f"{name}_patch_max": means[touching].max(),
    }


@settings(max_examples=50, deadline=None)
@given(shape=SHAPES, kind=KINDS, seed=st.integers(0, 10**6))
def test_worst_slice_component_and_patch_equal_brute_force(draw, shape, kind, seed):
    case = draw(seed, shape, kind)
    result = worst_parts(case.structure)
    expected = {
        **brute_force(case, "predictive_entropy"),
        **brute_force(case, "mutual_information"),
    }
    assert result.keys() == expected.keys() == MEANINGS.keys()
    for name, value in expected.items():
        assert result[name] == pytest.approx(value, rel=1e-6), name


def test_empty_mask_has_the_most_uncertain_parts(draw):
    assert worst_parts(draw(0, (5, 5), "empty").structure) == dict.fromkeys(MEANINGS, log(3))


def test_patches_far_from_the_mask_do_not_count(draw):
    case = draw(0, (60, 8), "corner")
    values = case.structure.maps["predictive_entropy"].reshape(60, 8).clone()
    before = Patches.around(case.structure).largest_mean(values)
    values[45:] = 1.0  # the mask ends at 30, windows are 10 voxels long
    assert Patches.around(case.structure).largest_mean(values) == before


@pytest.mark.parametrize("shape", [(10,), (9, 8), (7, 6, 8)])
def test_certain_background_around_the_case_changes_nothing(draw, shape):
    plain, padded = (worst_parts(draw(3, shape, pad=by).structure) for by in (0, 5))
    assert plain == pytest.approx(padded, rel=1e-9)
