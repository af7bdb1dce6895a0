import json

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from segqc_conformal.errors import FileFormatError, GeometryError, InputError
from segqc_conformal.evaluation.voxel_errors import (
    VoxelErrors,
    read_voxel_errors,
    write_voxel_errors,
)
from segqc_conformal.evaluation.voxel_metrics import voxel_metrics


def one_case(seed, shape=(40, 50)):
    rng = np.random.default_rng(seed)
    uncertainty = rng.beta(1, 4, shape)
    reference = rng.integers(0, 3, shape)
    wrong = rng.random(shape) < uncertainty
    mask = np.where(wrong, (reference + 1) % 3, reference)
    return uncertainty, 1.0 - uncertainty, mask, reference


@pytest.fixture(scope="module")
def counted():
    errors = VoxelErrors(largest=1.0)
    for seed in range(3):
        errors.update(*one_case(seed))
    return errors


@pytest.fixture(scope="module")
def voxels():
    cases = zip(*(one_case(seed) for seed in range(3)), strict=True)
    return [np.concatenate([part.ravel() for part in parts]) for parts in cases]


def test_metrics_are_those_of_sorted_voxels(counted, voxels):
    uncertainty, _, mask, reference = voxels
    wrong, found = mask != reference, voxel_metrics(counted)
    assert found["voxels"] == wrong.size
    assert found["error_share"] == pytest.approx(wrong.mean())
    assert found["error_auroc"] == pytest.approx(roc_auc_score(wrong, uncertainty), abs=3e-4)
    precision = average_precision_score(wrong, uncertainty)
    assert found["error_aupr"] == pytest.approx(precision, abs=2e-3)
    thresholds = np.linspace(0, 1, 513)[:-1]
    overlap = max(
        2 * (wrong & (uncertainty >= t)).sum() / (wrong.sum() + (uncertainty >= t).sum())
        for t in thresholds
    )
    assert overlap <= found["ue_overlap"] <= overlap + 2e-3


def test_ece_is_that_of_all_voxels_and_ece_label_that_of_the_structures(counted, voxels):
    _, confidence, mask, reference = voxels

    def error(chosen):
        p, right = confidence[chosen], (mask == reference)[chosen]
        place = np.minimum((p.astype(np.float32) * 20).astype(int), 19)
        return sum(abs((p - right)[place == k].sum()) for k in range(20)) / p.size

    found = voxel_metrics(counted)
    assert found["ece"] == pytest.approx(error(np.ones(mask.size, dtype=bool)), abs=1e-9)
    assert found["ece_label"] == pytest.approx(error((mask > 0) | (reference > 0)), abs=1e-9)


def test_parts_add_up_and_tensors_count_like_arrays(counted):
    parts = [VoxelErrors(largest=1.0) for _ in range(3)]
    for seed, part in enumerate(parts):
        part.update(*map(torch.tensor, one_case(seed)))
    merged = parts[0].merged(parts[1]).merged(parts[2])
    np.testing.assert_array_equal(merged.right, counted.right)
    np.testing.assert_array_equal(merged.wrong, counted.wrong)
    np.testing.assert_allclose(merged.reliability, counted.reliability, rtol=1e-12)


def test_counts_come_back_from_a_file(counted, tmp_path):
    path = write_voxel_errors(tmp_path / "v.json", {"entropy": counted})
    assert voxel_metrics(read_voxel_errors(path)["entropy"]) == voxel_metrics(counted)


def test_half_precision_and_the_largest_value_itself_are_counted():
    errors = VoxelErrors(largest=float(np.log(3)))
    u = torch.full((4,), float(np.log(3)))
    errors.update(u, torch.ones(4).half(), torch.ones(4).int(), torch.ones(4).int())
    assert errors.right[-1] == 4


def test_same_density_is_not_apart_and_other_ones_are():
    rng = np.random.default_rng(1)
    u, labels = rng.random(100_000), rng.random(100_000) < 0.3
    useless, useful = VoxelErrors(1.0), VoxelErrors(1.0)
    useless.update(u, 1 - u, labels, np.ones_like(labels))
    useful.update(np.where(labels, u / 2, 0.5 + u / 2), 1 - u, labels, np.ones_like(labels))
    assert voxel_metrics(useless)["ucm"] < 0.05
    assert voxel_metrics(useless)["error_auroc"] == pytest.approx(0.5, abs=0.01)
    assert voxel_metrics(useful)["ucm"] == pytest.approx(1.0)


def test_without_errors_overlap_is_one_and_the_rest_unknown():
    errors = VoxelErrors(1.0)
    errors.update(np.zeros(3), np.ones(3), np.zeros(3, int), np.zeros(3, int))
    found = voxel_metrics(errors)
    assert found["ue_overlap"] == 1.0
    assert all(np.isnan(found[name]) for name in ("ucm", "error_auroc", "error_aupr", "ece_label"))


def test_faulty_cases_count_nothing():
    errors = VoxelErrors(0.7)
    u, p, mask, reference = (np.full(4, value) for value in (0.1, 0.9, 1, 1))
    with pytest.raises(InputError, match="uncertainty in"):
        errors.update(u * 8, p, mask, reference)
    with pytest.raises(InputError, match="confidence in"):
        errors.update(u, p * np.nan, mask, reference)
    with pytest.raises(GeometryError, match="one shape"):
        errors.update(u, p, mask, reference[:2])
    assert not errors.right.any()
    assert not errors.wrong.any()
    assert not errors.reliability.any()
    with pytest.raises(InputError, match="largest"):
        VoxelErrors(0.0)
    with pytest.raises(InputError, match="largest"):
        errors.merged(VoxelErrors(1.0))


@pytest.mark.parametrize("text", ["", "[1]", '{"a": 3}', '{"a": {"largest": 1.0}}'])
def test_other_files_are_refused(text, tmp_path):
    path = tmp_path / "v.json"
    path.write_text(text)
    with pytest.raises(FileFormatError):
        read_voxel_errors(path)
    short = {**VoxelErrors(1.0).as_dict(), "right": [1]}
    path.write_text(json.dumps({"a": short}))
    with pytest.raises(FileFormatError, match="shapes"):
        read_voxel_errors(path)
