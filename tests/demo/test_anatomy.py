"""The demo's anatomy."""

from dataclasses import replace

import numpy as np
import pytest

from segqc_conformal.demo.anatomy import draw_anatomy
from segqc_conformal.demo.geometry import SHAPE


@pytest.fixture(scope="module")
def anatomies():
    return [draw_anatomy(np.random.default_rng(seed)) for seed in range(60)]


def test_tissue_shares_are_a_partition_of_each_voxel(anatomies):
    for anatomy in anatomies:
        assert anatomy.tissues.shape == (5, *SHAPE)
        assert anatomy.tissues.min() >= 0
        assert np.abs(anatomy.tissues.sum(axis=0) - 1).max() < 1e-5


def test_borders_have_partial_volume(anatomies):
    pair = anatomies[0].tissues[3:].sum(axis=0)

    assert ((pair > 0.05) & (pair < 0.95)).sum() > 100


def test_reference_marks_the_voxels_that_are_mostly_structure(anatomies):
    healthy = [a for a in anatomies if a.body.illness != "lesion"]
    for anatomy in healthy:
        pair = anatomy.tissues[3:].sum(axis=0)
        sure = np.abs(pair - 0.5) > 1e-3
        assert np.array_equal((anatomy.reference > 0)[sure], (pair > 0.5)[sure])


def test_both_structures_are_in_every_reference_and_adjoin(anatomies):
    for anatomy in anatomies:
        front, back = anatomy.reference == 1, anatomy.reference == 2
        assert front.sum() > 30
        assert back.sum() > 30
        assert (front[:, 1:] & back[:, :-1]).any()


def test_anatomy_varies_between_patients(anatomies):
    volumes = np.array([(anatomy.reference > 0).sum() for anatomy in anatomies])

    assert volumes.std() > 0.15 * volumes.mean()


def test_all_illnesses_occur_and_atrophy_shrinks(anatomies):
    volume = {kind: [] for kind in ("none", "atrophy", "lesion")}
    for anatomy in anatomies:
        volume[anatomy.body.illness].append((anatomy.reference > 0).sum())

    assert all(volume.values())
    assert np.median(volume["atrophy"]) < 0.8 * np.median(volume["none"])


def test_a_lesion_takes_tissue_away_but_stays_in_the_reference(anatomies):
    ill = next(a for a in anatomies if a.body.illness == "lesion" and a.body.severity > 0.4)
    inside = ill.tissues[3:].sum(axis=0)[ill.reference > 0]

    assert (inside < 0.4).any()


def test_severity_scale_zero_draws_the_same_patient_without_illness_effects():
    seed = next(
        s for s in range(60) if draw_anatomy(np.random.default_rng(s)).body.illness == "atrophy"
    )
    ill = draw_anatomy(np.random.default_rng(seed))
    mild = draw_anatomy(np.random.default_rng(seed), severity_scale=0.0)

    assert mild.body.severity == 0.0
    assert replace(mild.body, severity=ill.body.severity).bend == ill.body.bend
    assert (mild.reference > 0).sum() > (ill.reference > 0).sum()
