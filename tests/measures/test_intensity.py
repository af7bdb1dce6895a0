import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from segqc_conformal.measures.first_order import BINS
from segqc_conformal.measures.intensity import MEANINGS, RING_MM, intensity

SHAPES = st.sampled_from([(24,), (13, 12), (9, 8, 7)])
KINDS = st.sampled_from(["blob", "noise", "full", "corner"])


def binned_entropy(values: np.ndarray) -> float:
    counts = np.histogram(values, bins=BINS)[0]
    return stats.entropy(counts)


def brute_force(case, image: np.ndarray) -> dict[str, float]:
    z = (image - image.mean()) / image.std()
    inside = z[case.judged]
    apart = np.argwhere(~case.judged)[:, None] - np.argwhere(case.judged)[None]
    away = np.sqrt(np.square(apart * np.array(case.spacing)).sum(-1)).min(1, initial=1e9)
    ring = z[~case.judged][away <= RING_MM + 1e-6]
    levels = [0.1, 0.25, 0.5, 0.75, 0.9]
    q10, q25, q50, q75, q90 = np.quantile(inside, levels, method="inverted_cdf")
    return {
        "image_contrast": inside.mean() - ring.mean() if ring.size else 0.0,
        "image_histogram_entropy": binned_entropy(inside),
        "image_iqr": q75 - q25,
        "image_kurtosis": stats.kurtosis(inside),
        "image_mean": inside.mean(),
        "image_q10": q10,
        "image_q50": q50,
        "image_q90": q90,
        "image_skewness": stats.skew(inside),
        "image_std": inside.std(),
    }


@settings(max_examples=50, deadline=None)
@given(shape=SHAPES, kind=KINDS, seed=st.integers(0, 10**6))
def test_statistics_equal_scipy(draw, shape, kind, seed):
    image = np.random.default_rng(seed).gamma(2.0, 50.0, size=(2, *shape)).astype(np.float32)
    case = draw(seed, shape, kind, image=image)
    result, expected = intensity(case.structure), brute_force(case, image[0].astype(np.float64))
    assert result.keys() == expected.keys() == MEANINGS.keys()
    for name, value in expected.items():
        assert result[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name
        assert type(result[name]) is float


def test_shift_and_scale_of_the_image_change_nothing(draw):
    image = np.random.default_rng(0).normal(size=(1, 13, 12))
    small = intensity(draw(0, (13, 12), image=image).structure)
    large = intensity(draw(0, (13, 12), image=1000 + 25 * image).structure)
    assert small == pytest.approx(large, rel=1e-6)


@pytest.mark.parametrize(
    "image",
    [None, np.full((1, 6, 5), 0.1, dtype=np.float32), np.full((1, 6, 5), np.nan)],
    ids=["no image", "constant image", "image of NaN"],
)
def test_without_a_usable_image_all_are_zero(draw, image):
    assert intensity(draw(0, (6, 5), image=image).structure) == dict.fromkeys(MEANINGS, 0.0)


def test_empty_mask_gives_zeros(draw):
    image = np.random.default_rng(0).normal(size=(1, 6, 5))
    case = draw(0, (6, 5), "empty", image=image)
    assert set(intensity(case.structure).values()) == {0.0}


def test_one_voxel_has_no_spread(draw):
    image = np.random.default_rng(0).normal(size=(1, 6, 5))
    result = intensity(draw(0, (6, 5), "one voxel", image=image).structure)
    for name in (
        "image_std",
        "image_skewness",
        "image_kurtosis",
        "image_histogram_entropy",
        "image_iqr",
    ):
        assert result[name] == 0.0
