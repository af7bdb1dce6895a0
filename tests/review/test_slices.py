import numpy as np
import pytest
import torch

from segqc_conformal.dice import dice
from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.review import slice_rows
from segqc_conformal.uncertainty.bit_planes import BitPlanes
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

SCORES = ("soft_dice_confidence", "pairwise_dice", "largest_blob", "b_map_sum", "b_map_mean")


def structure(p, mask, spacing=(1.0, 1.0, 1.0), samples=()):
    planes = BitPlanes()
    for each in samples:
        planes.add(torch.from_numpy(each))
    p, mask = torch.from_numpy(p.astype(np.float32)), torch.from_numpy(mask)
    return JudgedStructure("a", p.flatten(), 2, {}, planes, mask, mask.long(), spacing)


def test_doubted_slices_have_the_largest_scores_across_the_thickest_axis(structures):
    for score in (*SCORES, "expected_error_sum", "expected_error_mean"):
        rows = slice_rows(structures["bar"], "c", score)
        assert rows["slice"].tolist() == list(range(2, 12))
        assert (rows["axis"] == 1).all()
        assert rows["slice_mm"].tolist() == [3.0 * number for number in range(2, 12)]
        doubted = rows["slice"] < 6
        assert rows.loc[doubted, "score"].min() > rows.loc[~doubted, "score"].max(), score


def test_expected_error_is_the_volume_that_is_wrong_on_average():
    rng = np.random.default_rng(3)
    p = np.zeros((6, 6, 4))
    p[1:5, 1:5] = rng.uniform(0.3, 1.0, (4, 4, 4))
    mask = p > 0.5
    rows = slice_rows(structure(p, mask, (2.0, 2.0, 5.0)), "c")
    wrong = [(rng.random(p.shape) < p) != mask for _ in range(3000)]
    mean = np.mean([each.sum(axis=(0, 1)) for each in wrong], axis=0) * 20.0 / 1000.0
    assert rows["score"].to_numpy() == pytest.approx(mean, rel=0.05)


def test_pairwise_dice_is_that_of_the_samples_in_the_slice():
    samples = np.random.default_rng(1).random((3, 4, 5, 6)) < 0.6
    p = samples.mean(axis=0)
    rows = slice_rows(structure(p, p > 0.5, samples=samples), "c", "pairwise_dice")
    for number, score in rows[["slice", "score"]].to_numpy():
        cut = samples[..., int(number)]
        pairs = [dice(cut[a], cut[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
        assert score == pytest.approx(1.0 - np.mean(pairs), abs=1e-12)


def test_largest_blob_is_an_area_of_one_piece():
    p = np.zeros((8, 8, 3))
    p[2:6, 2:6] = 0.95
    p[2, 2:5, 1] = 0.4  # three doubtful pixels in a row, and one apart
    p[5, 5, 1] = 0.4
    rows = slice_rows(structure(p, p > 0.5, (0.5, 2.0, 4.0)), "c", "largest_blob")
    assert rows["score"].tolist() == [0.0, 3.0, 0.0]


def test_slices_beyond_the_mask_are_listed_where_they_are_doubted():
    p = np.zeros((4, 4, 6))
    p[:2, :, 2:4] = 0.9
    p[0, 0, 4] = 0.3
    p[0, 0, 5] = 0.1
    rows = slice_rows(structure(p, p > 0.5), "c", "soft_dice_confidence")
    assert rows["slice"].tolist() == [2, 3, 4]
    assert rows["score"].iloc[2] == 1.0  # no mask is never confident


def test_every_slice_of_an_empty_mask_without_doubt_is_listed():
    p = np.full((3, 3, 5), 0.01)
    assert slice_rows(structure(p, p > 0.5), "c")["slice"].tolist() == [0, 1, 2, 3, 4]


def test_a_flat_image_is_one_slice():
    p = np.full((5, 5, 1), 0.7)
    rows = slice_rows(structure(p, p > 0.5, (2.0, 2.0, 1.0)), "c")
    assert rows[["axis", "slice"]].to_numpy().tolist() == [[2, 0]]


def test_what_cannot_be_scored_is_refused():
    p = np.full((3, 3, 2), 0.7)
    for score in ("entropy", "b_map_sum", "b_map_max"):
        with pytest.raises(InputError, match=r"choose one of|hold the map"):
            slice_rows(structure(p, p > 0.5), "c", score)
    with pytest.raises(InputError, match="2 or more samples"):
        slice_rows(structure(p, p > 0.5), "c", "pairwise_dice")
    with pytest.raises(GeometryError, match="case c17"):
        slice_rows(structure(p[..., 0], p[..., 0] > 0.5, (1.0, 1.0)), "c17")
