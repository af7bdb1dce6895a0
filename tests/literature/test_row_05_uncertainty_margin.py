"""Row 5 (Hershkovich and Riklin-Raviv 2018): how wide the band is in which a structure may end."""

import numpy as np
import pytest
from literature_row import LiteratureRow
from scipy.special import expit, logit

import segqc_conformal as sq

ROW = LiteratureRow(
    system="Model-dependent uncertainty estimation",
    paper="Hershkovich and Riklin-Raviv (2018)",
    signal="width in mm of the band between likely and possible surface, and the range of volumes",
    names=("measures.margin.margin", "measures.schema.FeatureSchema"),
    asserted="of a ball with a logistic surface the width is the distance between its two level "
    "sets, in mm whatever the spacing, and the range holds 90 % of the volumes drawn from it",
    reconstruction="the abstract names the margin and no formula: the level sets at 0.05 and 0.95, "
    "and distances between voxel centres, are read into it.",
)
RADIUS, SOFTNESS, EPSILON = 12.0, 1.0, 0.05
REACH = SOFTNESS * logit(1 - EPSILON)  # from the surface to either level set
SPACINGS = {(1.0, 1.0, 1.0): 36, (0.8, 1.0, 1.5): 46}


def features(spacing: tuple[float, ...], shuffled: bool = False) -> dict[str, float]:
    """Measure a ball of which each voxel is part with the probability that its radius passes it."""
    axes = [np.arange(-18.0, 18.0, step) for step in spacing]
    distance = np.sqrt(sum(grid**2 for grid in np.meshgrid(*axes, indexing="ij")))
    inside = expit((RADIUS - distance) / SOFTNESS)
    if shuffled:
        inside = np.random.default_rng(0).permutation(inside.ravel()).reshape(inside.shape)
    schema = sq.FeatureSchema("full")
    accumulator = sq.UncertaintyAccumulator({"ball": 1}, spacing, schema=schema)
    accumulator.update(np.stack([1.0 - inside, inside]))
    return accumulator.features()["ball"]


def volume_ml(radius: np.ndarray | float) -> np.ndarray:
    return np.asarray(4.0 / 3.0 * np.pi * np.asarray(radius) ** 3 / 1000.0)


def holds(found: dict[str, float], spacing: tuple[float, ...]) -> bool:
    """Say whether the width is the distance of the level sets, to a voxel's diagonal."""
    return bool(
        abs(found["uncertainty_margin_mean_mm"] - 2 * REACH) < max(spacing) / 2
        and abs(found["uncertainty_margin_max_mm"] - 2 * REACH) < np.linalg.norm(spacing)
    )


@pytest.mark.parametrize("spacing", SPACINGS)
def test_row_05_the_width_is_the_distance_of_the_level_sets(spacing: tuple[float, ...]) -> None:
    found = features(spacing)
    assert holds(found, spacing)
    for end, radius in (("low", RADIUS - REACH), ("high", RADIUS + REACH)):
        volume = found[f"uncertainty_margin_{end}_ml"]
        assert volume == pytest.approx(float(volume_ml(radius)), rel=0.02)


def test_row_05_the_range_holds_nine_of_ten_volumes_drawn_from_the_model() -> None:
    found = features((1.0, 1.0, 1.0))
    drawn = volume_ml(RADIUS + SOFTNESS * np.random.default_rng(1).logistic(size=4000))
    low, high = (found[f"uncertainty_margin_{end}_ml"] for end in ("low", "high"))
    assert np.mean((drawn >= low) & (drawn <= high)) == pytest.approx(1 - 2 * EPSILON, abs=0.02)


def test_row_05_twin_voxels_shuffled_have_the_volumes_and_not_the_width() -> None:
    spacing = (1.0, 1.0, 1.0)
    real, shuffled = features(spacing), features(spacing, shuffled=True)
    assert holds(real, spacing)
    assert not holds(shuffled, spacing)
    for end in ("low", "high"):
        name = f"uncertainty_margin_{end}_ml"
        assert shuffled[name] == real[name]
