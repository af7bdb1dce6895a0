import numpy as np
import pytest
import torch

from segqc_conformal.errors import InputError
from segqc_conformal.review import find_regions
from segqc_conformal.uncertainty.bit_planes import BitPlanes
from segqc_conformal.uncertainty.judged_structure import JudgedStructure


def structure(p, mask, name="a"):
    p, mask = torch.from_numpy(p.astype(np.float32)), torch.from_numpy(mask)
    return JudgedStructure(name, p.flatten(), 2, {}, BitPlanes(), mask, mask.long(), (1.0,) * 3)


def doubted():
    """Return a cube with a doubtful surface, a far doubtful piece, and a larger one inside."""
    p = np.zeros((20, 20, 20))
    p[2:14, 2:14, 2:14] = 0.6
    p[3:13, 3:13, 3:13] = 0.98
    p[6:9, 6:9, 6:9] = 0.55
    p[16:18, 16:18, 16:19] = 0.4
    return p, p > 0.5


def test_the_doubt_of_a_surface_is_no_region_and_the_worst_comes_first():
    p, mask = doubted()
    rows, labels = find_regions([structure(p, mask)], "c")
    assert rows["place"].tolist() == [1, 2]
    assert rows["voxels"].tolist() == [27, 12]
    assert rows["score"].to_numpy() == pytest.approx([27 * 0.45 / 1000, 12 * 0.4 / 1000], rel=1e-5)
    assert rows[[f"first_{axis}" for axis in range(3)]].to_numpy().tolist() == [[6] * 3, [16] * 3]
    assert rows["last_2"].tolist() == [8, 18]
    assert rows["centre_2"].tolist() == [7.0, 17.0]
    assert (labels == 1).sum() == 27
    assert (labels == 2).sum() == 12
    assert labels[7, 7, 7] == 1


def test_without_tolerance_the_surface_hangs_together():
    p, mask = doubted()
    rows, _ = find_regions([structure(p, mask)], "c", tolerance_mm=0.0)
    assert rows["voxels"].iloc[0] == 12**3 - 10**3


def test_a_region_of_two_structures_is_one_of_the_more_doubted():
    p, mask = doubted()
    other = np.zeros(p.shape)
    other[6:9, 6:9, 6:9] = 0.3
    rows, _ = find_regions([structure(other, other > 0.5, "b"), structure(p, mask)], "c")
    assert rows["structure"].tolist() == ["a", "a"]
    assert rows["voxels"].tolist() == [27, 12]


def test_nothing_doubted_is_no_region_and_an_empty_mask_has_no_surface():
    sure = np.zeros((6, 6, 6))
    sure[2:4, 2:4, 2:4] = 1.0
    rows, labels = find_regions([structure(sure, sure > 0.5)], "c")
    assert rows.empty
    assert not labels.any()
    missed = np.full((6, 6, 6), 0.45)
    assert find_regions([structure(missed, missed > 0.5)], "c").rows["voxels"].tolist() == [216]


def test_settings_are_checked():
    for structures, tolerance, smallest in (([], 1.0, 1), ([None], -1.0, 1), ([None], 1.0, 0)):
        with pytest.raises(InputError, match="case c"):
            find_regions(structures, "c", tolerance, smallest)
