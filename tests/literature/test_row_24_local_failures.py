"""Row 24 (Sander et al. 2020): patches in which a mask fails beyond tolerance, from two maps."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from literature_row import LiteratureRow
from planted_errors import Planted, planted

import segqc_conformal as sq
from segqc_conformal.dice import dice
from segqc_conformal.evaluation.surface_dice import surface_dice
from segqc_conformal.review import in_order, patch_rows, slice_errors
from segqc_conformal.review.corrected import corrected_mask, voxels_of

ROW = LiteratureRow(
    system="Local failure detection",
    paper="Sander, de Vos, Isgum. Automatic segmentation with detection of local segmentation "
    "failures in cardiac MRI. Sci. Rep. 10 (2020) 21769",
    signal="Normalised entropy (e-map) and twice the standard deviation (b-map) of the samples, "
    "summed in patches of 8 x 8 voxels of a slice, against errors farther than a tolerance from "
    "the reference's surface.",
    names=(
        "uncertainty.accumulator.UncertaintyAccumulator",
        "quality.net.error_targets.intolerable_errors",
        "quality.net.PatchHead",
        "review.patch_rows",
        "review.corrected.corrected_mask",
    ),
    asserted="Both maps are 0 where all is certain and 1 where nothing is known; an error within "
    "the tolerance is none; patches with planted errors come first, and correcting them raises "
    "Dice and surface Dice more than correcting as many others.",
    reconstruction="Patches are ranked by the sum of a map; the paper's detector is a trained "
    "network, here `PatchHead`. Tolerances are those of its code.",
    out_of_scope="Cardiac figures, and the expert's time: correction is simulated.",
)
CASES = 6


def test_row_24_both_maps_are_0_where_all_is_certain_and_1_where_nothing_is_known() -> None:
    uncertainty = sq.UncertaintyAccumulator({"a": 1}, maps=("normalised_entropy", "b_map"))
    rng = np.random.default_rng(0)
    some = rng.dirichlet((1.0, 1.0), (2, 20))
    for sample, p in zip(some, ([0.0, 0.0], [0.0, 1.0]), strict=True):
        values = np.concatenate([np.stack([1.0 - np.array(p), p]), sample.T], axis=1)
        uncertainty.update(values)
    for values in uncertainty.maps(("normalised_entropy", "b_map")).values():
        assert values[0] == pytest.approx(0.0, abs=1e-6)
        assert values[1] == pytest.approx(1.0, abs=1e-6)
        assert values.min() >= 0.0
        assert values.max() <= 1.0


def test_row_24_errors_within_the_tolerance_are_none_and_small_ones_neither() -> None:
    reference = np.zeros((30, 30, 8), bool)
    reference[8:20, 8:20, 2:6] = True
    near, far, specks = (reference.copy() for _ in range(3))
    near[8:24, 8:20, 2:6] = True  # 4 mm too wide
    far[8:27, 8:20, 2:6] = True  # 7 mm too wide
    specks[27, ::3, 2:6:2] = True
    ids = {"case_id": "c", "structure": "a"}
    for mask, tolerated in ((near, True), (far, False), (specks, True)):
        found = slice_errors(mask, reference, (1.0,) * 3, **ids)
        assert found["wrong_ml"].sum() > 0.01
        assert (found["intolerable_ml"].sum() == 0.0) == tolerated


@cache
def cases() -> list[Planted]:
    return [planted(seed) for seed in range(CASES)]


def ranked(case: Planted, values: str, shuffled: bool) -> pd.DataFrame:
    rows = patch_rows(case.structure, "c", values)
    if shuffled:
        rows["score"] = np.random.default_rng(1).permutation(rows["score"])
    return in_order(rows)


def share_found(case: Planted, values: str, looked: float, shuffled: bool = False) -> float:
    rows, wrong = ranked(case, values, shuffled), case.mask != case.reference
    first = voxels_of(rows.head(round(looked * len(rows))), wrong.shape)
    return float((wrong & first).sum() / wrong.sum())


@pytest.mark.parametrize("values", ["normalised_entropy", "b_map", "expected_error"])
def test_row_24_patches_with_errors_come_first(values: str) -> None:
    found = [share_found(case, values, 0.25) for case in cases()]
    assert np.mean(found) > (0.4 if values == "b_map" else 0.6)


@pytest.mark.parametrize("values", ["normalised_entropy", "b_map", "expected_error"])
def test_row_24_twin_shuffled_patches_find_what_chance_finds(values: str) -> None:
    found = [share_found(case, values, 0.25, shuffled=True) for case in cases()]
    assert np.mean(found) < 0.35


def gains(shuffled: bool) -> list[tuple[float, float]]:
    """Return by how much Dice and surface Dice rise once a fifth of the patches is corrected."""
    risen = []
    for case in cases():
        rows = ranked(case, "normalised_entropy", shuffled)
        looked_at = voxels_of(rows.head(len(rows) // 5), case.mask.shape)
        after = corrected_mask(case.mask, case.reference, looked_at)
        measures = (dice, lambda a, b: surface_dice(a, b, (1.0,) * 3, 1.0))
        risen.append(
            tuple(of(after, case.reference) - of(case.mask, case.reference) for of in measures)
        )
    return risen


def test_row_24_correcting_the_first_patches_raises_dice_and_surface_dice() -> None:
    first, others = np.array(gains(shuffled=False)), np.array(gains(shuffled=True))
    assert (first > 0.0).all()
    assert (first.mean(axis=0) > 1.5 * others.mean(axis=0)).all()
