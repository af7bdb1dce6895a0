"""Row 20 (Xie et al. 2020, SESV): a refined mask is verified, and merged, region by region."""

from functools import cache

import numpy as np
import pandas as pd
from literature_row import LiteratureRow

from segqc_conformal.dice import dice
from segqc_conformal.review import (
    CalibratedRefinementCheck,
    HarmThreshold,
    RefinementCheck,
    merged_mask,
    region_table,
)

ROW = LiteratureRow(
    system="SESV: verified refinement of a segmentation",
    paper="Xie et al. 2020",
    signal="whether each connected region in which a refined mask differs brings it nearer to the "
    "reference mask; only such regions are merged",
    names=(
        "review.region_table",
        "review.RefinementCheck",
        "review.merged_mask",
    ),
    asserted="of planted repairs and planted damage, repairs are accepted: what is accepted raises "
    "Dice, what is rejected would have lowered it, and the merged mask beats both masks",
    reconstruction="the verification network is a model of each region's features, from samples, "
    "maps or the user; its threshold is certified instead of chosen",
    out_of_scope="the emendation and re-segmentation networks that make the refined mask: any tool "
    "may make it",
)

DISC = {"disc": 1}
SIDE, PATIENTS, FIT, CALIBRATE = 40, 150, 40, 70


def _blob(rng: np.random.Generator, angle: float, radius: float) -> np.ndarray:
    """Return a square of 3 to 5 voxels on the edge of the disc."""
    half = rng.uniform(1.2, 2.4)
    centre = SIDE / 2 + radius * np.array([np.cos(angle), np.sin(angle)])
    distance = np.abs(np.indices((SIDE, SIDE)) - centre[:, None, None]).max(axis=0)
    return distance <= half


def _masks(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return judged, refined and reference masks, and what samples give the disc."""
    radius = rng.uniform(10, 14)
    distance = np.hypot(*(np.indices((SIDE, SIDE)) - SIDE / 2))
    reference = distance <= radius
    judged, refined = reference.copy(), reference.copy()
    chance = np.where(reference, 0.9, 0.1) + rng.normal(0.0, 0.03, reference.shape)
    for number, angle in enumerate(rng.permutation(8) * np.pi / 4):
        blob = _blob(rng, angle, radius)
        if number < 4:  # a mistake of the judged mask, mended: samples half see it
            judged[blob] = ~reference[blob]
        else:  # damage: samples hold on to the truth
            refined[blob] = ~reference[blob]
        pull = rng.uniform(0.1, 0.3) if number < 4 else rng.uniform(0.0, 0.2)
        chance[blob] += np.where(reference[blob], -pull, pull)
    return judged.astype(int), refined.astype(int), reference.astype(int), np.clip(chance, 0, 1)


@cache
def cases() -> dict[str, tuple[np.ndarray, ...]]:
    rng = np.random.default_rng(20)
    return {f"p{number:03d}": _masks(rng) for number in range(PATIENTS)}


@cache
def regions() -> pd.DataFrame:
    return pd.concat(
        [
            region_table(
                name,
                name,
                judged,
                refined,
                DISC,
                maps={"mean_probability": np.stack([1.0 - chance, chance])},
                reference=reference,
            )
            for name, (judged, refined, reference, chance) in cases().items()
        ],
        ignore_index=True,
    )


def _calibrated(table: pd.DataFrame) -> CalibratedRefinementCheck:
    names = list(cases())
    settings = RefinementCheck(HarmThreshold(0.1))
    known = table[table["patient_id"].isin(names[: FIT + CALIBRATE])]
    return settings.calibrate(known, fit_patients=names[:FIT])


def _dice_of_test_patients(judged: pd.DataFrame) -> pd.DataFrame:
    """Return, by patient, Dice of each mask; "rejected" merges the rejected regions."""
    rows = {}
    for name in list(cases())[FIT + CALIBRATE :]:
        mask, refined, reference, _ = cases()[name]
        own = judged[judged["case_id"] == name]
        merged = merged_mask(mask, refined, DISC, own)
        rejected = merged_mask(mask, refined, DISC, own.assign(accept=~own["accept"]))
        masks = {"judged": mask, "refined": refined, "merged": merged, "rejected": rejected}
        rows[name] = {kind: dice(each == 1, reference == 1) for kind, each in masks.items()}
    return pd.DataFrame.from_dict(rows, orient="index")


def test_row_20_accepted_regions_raise_dice_and_rejected_ones_would_lower_it() -> None:
    check = _calibrated(regions())
    judged = check.judge(regions())
    found = _dice_of_test_patients(judged)
    touched = judged[judged["case_id"].isin(found.index)].groupby("case_id")["accept"].any()
    worse = found["merged"] < found["judged"]
    assert check.certificate.certified
    assert touched.mean() > 0.9
    assert worse[touched[touched].index].mean() <= 0.1
    assert found["merged"].mean() > found["judged"].mean() + 0.02
    assert found["rejected"].mean() < found["judged"].mean() - 0.02
    assert found["merged"].mean() > found["refined"].mean() + 0.02


def test_row_20_a_single_region_is_accepted_for_what_it_does_alone() -> None:
    judged = _calibrated(regions()).judge(regions())
    good = judged["gain_added"] + judged["gain_removed"] > 0.0
    assert 0.3 < good.mean() < 0.7  # repairs and damage were planted
    assert good[judged["accept"]].mean() > 0.9


def test_row_20_twin_features_of_other_regions_gain_nothing() -> None:
    table = regions().copy()
    features = [name for name in table if name.startswith("feature_")]
    order = np.random.default_rng(0).permutation(len(table))
    table[[*features]] = table[features].to_numpy()[order]
    check = _calibrated(table)
    found = _dice_of_test_patients(check.judge(table))
    assert found["merged"].mean() < found["judged"].mean() + 0.01
