import numpy as np
import pytest
import torch

from segqc_conformal.errors import GeometryError
from segqc_conformal.review import in_order, patch_rows
from segqc_conformal.review.corrected import voxels_of
from segqc_conformal.uncertainty.bit_planes import BitPlanes
from segqc_conformal.uncertainty.judged_structure import JudgedStructure


def structure(p, spacing):
    p = torch.from_numpy(p.astype(np.float32))
    return JudgedStructure("a", p.flatten(), 2, {}, BitPlanes(), p > 0.5, (p > 0.5).long(), spacing)


def test_patches_lie_in_slices_and_the_doubted_one_comes_first():
    p = np.zeros((20, 17, 4))
    p[3:18, 3:16, 1:3] = 0.98
    p[10:14, 9:12, 2] = 0.6
    rows = in_order(patch_rows(structure(p, (1.0, 1.0, 3.0)), "c"))
    first = rows.iloc[0]
    box = [first[f"{end}_{axis}"] for axis in range(3) for end in ("first", "last")]
    assert box == [8, 15, 8, 15, 2, 2]
    assert [first[f"centre_mm_{axis}"] for axis in range(3)] == [11.5, 11.5, 6.0]
    assert first["score"] == pytest.approx((12 * 0.4 + (64 - 12) * 0.02) * 3.0 / 1000.0, rel=1e-5)
    # 3 x 2 patches in each of two slices hold some mask; the last column of patches holds none
    assert len(rows) == 3 * 2 * 2
    assert voxels_of(rows, p.shape)[p > 0.5].all()


def test_patches_never_overlap_and_sum_to_the_whole():
    p = np.random.default_rng(0).random((11, 9, 5))
    one = structure(p, (1.0, 2.0, 2.0))
    rows = patch_rows(one, "c", patch=(4, 4, 2))
    assert len(rows) == 3 * 3 * 3
    assert rows["score"].sum() == pytest.approx(np.abs((p > 0.5) - p).sum() * 4.0 / 1000, rel=1e-5)


def test_a_patch_of_other_axes_is_refused():
    with pytest.raises(GeometryError, match="2 sizes"):
        patch_rows(structure(np.ones((3, 3)), (1.0, 1.0)), "c", patch=(2, 2, 2))
