"""Regions, their features and gains, on masks small enough to check by hand or by brute force."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.dice import dice
from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.review import merged_mask, region_table
from segqc_conformal.review.differing_regions import differing_regions
from segqc_conformal.review.merged_outcome import scored_regions

BOTH = {"a": 1, "b": 2}


def random_masks(seed: int, shape: tuple[int, ...] = (6, 7)) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.choice(3, shape, p=rng.dirichlet(np.ones(3))) for _ in range(3)]


def test_regions_are_connected_by_faces_and_change_from_one_name_to_one_other() -> None:
    judged = np.array([[0, 0, 1, 1], [0, 0, 1, 2], [0, 0, 2, 2]])
    refined = np.array([[1, 0, 1, 0], [0, 1, 1, 1], [0, 0, 1, 2]])
    found = differing_regions(judged, refined, BOTH)
    # corners do not connect: (0, 0) and (1, 1) are two regions, and so are (1, 3) and (2, 2)
    assert found.numbers.tolist() == [[1, 0, 0, 3], [0, 2, 0, 4], [0, 0, 5, 0]]
    assert found.changes.tolist() == [[0, 1], [0, 1], [1, 0], [2, 1], [2, 1]]


def test_any_choice_of_regions_gives_a_mask_made_of_the_two() -> None:
    judged, refined, _ = random_masks(1)
    rows = region_table("c", "p", judged, refined, BOTH)
    half = rows.assign(accept=rows["region"] % 2 == 1)
    merged = merged_mask(judged, refined, BOTH, half)
    assert ((merged == judged) | (merged == refined)).all()
    changed = rows.loc[half["accept"], "voxels"].sum()
    assert (merged != judged).sum() == changed
    everything = merged_mask(judged, refined, BOTH, rows.assign(accept=True))
    assert (everything == refined).all()
    nothing = merged_mask(judged, refined, BOTH, rows.assign(accept=False))
    assert (nothing == judged).all()


def test_a_label_that_is_no_structure_stays_where_nothing_is_accepted() -> None:
    judged, refined = np.array([7, 1, 0]), np.array([0, 1, 1])
    rows = region_table("c", "p", judged, refined, {"a": 1})
    assert rows["voxels"].tolist() == [1]
    assert merged_mask(judged, refined, {"a": 1}, rows.assign(accept=True)).tolist() == [7, 1, 1]


@pytest.mark.parametrize("seed", range(8))
def test_gains_and_shares_give_the_change_of_dice_and_gains_alone_its_sign(seed: int) -> None:
    judged, refined, reference = random_masks(seed, (3, 4))
    rows = region_table("c", "p", judged, refined, BOTH, reference=reference)
    for size in (1, 2, len(rows)):
        for chosen in list(combinations(rows["region"], size))[:30]:
            accept = rows["region"].isin(chosen)
            merged = merged_mask(judged, refined, BOTH, rows.assign(accept=accept))
            outcome = scored_regions(rows, accept)
            for name, label in BOTH.items():
                before, after, truth = (mask == label for mask in (judged, merged, reference))
                change = dice(after, truth) - dice(before, truth)
                found = dict(zip(outcome.names, outcome.changes(0.5)[0], strict=True))
                assert found.get(name, 0.0) == pytest.approx(change, abs=1e-9)
                taken = rows[accept]
                gain = (
                    taken.loc[taken["refined_as"] == name, "gain_added"].sum()
                    + taken.loc[taken["judged_as"] == name, "gain_removed"].sum()
                )
                if after.any() or truth.any():
                    assert np.sign(change) == np.sign(gain if abs(gain) > 1e-12 else 0.0)


def test_twin_more_right_than_wrong_voxels_does_not_say_whether_dice_rises() -> None:
    # a majority of its five voxels is rightly removed, and Dice falls all the same
    judged, refined = np.array([1] * 20 + [0] * 8), np.array([1] * 15 + [0] * 13)
    reference = np.array([1] * 6 + [0] * 9 + [1] * 2 + [0] * 3 + [1] * 8)
    (row,) = region_table("c", "p", judged, refined, {"a": 1}, reference=reference).itertuples()
    right = (refined == reference)[15:20].sum()
    assert right > row.voxels / 2
    assert row.gain_removed < 0.0
    assert dice(refined == 1, reference == 1) < dice(judged == 1, reference == 1)


def test_features_of_a_spur_and_a_far_blob() -> None:
    judged = np.zeros((5, 12), dtype=int)
    judged[1:4, 1:4] = 1
    refined = judged.copy()
    refined[2, 4] = 1  # touches the structure with one of four faces
    refined[1:4, 8:11] = 1  # far away
    chance = np.where(refined == 1, 0.7, 0.2)
    rows = region_table(
        "c",
        "p",
        judged,
        refined,
        {"a": 1},
        maps={"mean_probability": np.stack([1 - chance, chance]), "entropy": chance + 1.0},
        spacing_mm=(1.0, 2.0),
    ).set_index("voxels")
    spur, blob = rows.loc[1], rows.loc[9]
    assert spur["feature_surface_contact"] == 0.25
    assert blob["feature_surface_contact"] == 0.0
    assert (spur["feature_distance_mm"], blob["feature_distance_mm"]) == (2.0, 12.0)
    assert blob["feature_distance_max_mm"] == 14.0
    assert (spur["feature_thickness_mm"], blob["feature_thickness_mm"]) == (1.0, 2.0)
    assert blob["feature_relative_volume"] == 0.5
    assert spur["feature_log_volume"] == pytest.approx(np.log(2.0))
    assert blob["feature_refined_probability"] == pytest.approx(0.7)
    assert blob["feature_judged_probability"] == pytest.approx(0.3)
    assert spur["feature_entropy"] == pytest.approx(1.7)
    assert "gain_added" not in rows


def test_equal_masks_and_masks_of_one_label_have_rows_and_numbers() -> None:
    empty = np.zeros((3, 3), dtype=int)
    assert region_table("c", "p", empty, empty, BOTH, reference=empty).empty
    rows = region_table("c", "p", empty, empty + 1, BOTH, reference=empty)
    features = [name for name in rows if name.startswith("feature_")]
    assert np.isfinite(rows[features].to_numpy()).all()
    assert scored_regions(rows, [1.0]).changes(0.5).min() == -0.9  # both empty was a Dice of 1
    gone = region_table("c", "p", empty + 1, empty, BOTH, reference=empty)
    assert scored_regions(gone, [1.0]).changes(0.5).max() == 1.0  # and is one now


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"refined": np.zeros((2, 2), int)}, GeometryError, "refined mask of the judged"),
        ({"mask": np.zeros((3, 3))}, InputError, "label map of whole numbers"),
        ({"reference": np.zeros(3, int)}, GeometryError, "reference mask of the judged"),
        ({"maps": {"entropy": np.full((3, 3), np.nan)}}, InputError, "finite numbers in entropy"),
        ({"maps": {"entropy": np.zeros((2, 3))}}, GeometryError, "entropy of shape"),
        ({"spacing_mm": (1.0,)}, GeometryError, "spacing of 2"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(change, error, words) -> None:
    given = {
        "mask": np.zeros((3, 3), int),
        "refined": np.ones((3, 3), int),
        "structures": {"a": 1},
        **change,
    }
    with pytest.raises(error, match=f"case c17: expected .*{words}"):
        region_table("c17", "p", **given)


def test_rows_of_other_masks_are_not_merged() -> None:
    judged, refined = np.array([0, 1, 0]), np.array([1, 1, 1])
    rows = region_table("c17", "p", judged, refined, {"a": 1}).assign(accept=True)
    with pytest.raises(InputError, match="case c17: expected the 1 regions"):
        merged_mask(judged, np.array([1, 1, 0]), {"a": 1}, rows)
    with pytest.raises(InputError, match="the 2 regions"):
        merged_mask(judged, refined, {"a": 1}, pd.concat([rows, rows]))
