import numpy as np
import pytest
import torch

from segqc_conformal.errors import InputError
from segqc_conformal.uncertainty.label_randomness import co_occurrence, label_randomness

texture = pytest.importorskip("skimage.feature", reason="scikit-image is not installed")


def random_labels(*shape: int, classes: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, classes, shape).astype(np.uint8)


@pytest.mark.parametrize("angle", [0.0, np.pi / 4, np.pi / 2, 3 * np.pi / 4])
@pytest.mark.parametrize("distance", [1, 2])
def test_counts_in_2d_equal_scikit_image(angle, distance):
    labels = random_labels(9, 12)
    expected = texture.graycomatrix(labels, [distance], [angle], levels=4)[..., 0, 0]
    step = np.round(distance * np.array([np.sin(angle), np.cos(angle)])).astype(int)
    np.testing.assert_array_equal(co_occurrence(labels, 4, step.tolist()), expected)


def test_counts_in_3d_equal_scikit_image_slice_by_slice():
    labels = random_labels(5, 9, 12)
    for angle, step in ((0.0, (0, 0, 1)), (np.pi / 2, (0, 1, 0))):
        slices = [
            texture.graycomatrix(plane, [1], [angle], levels=4)[..., 0, 0] for plane in labels
        ]
        np.testing.assert_array_equal(co_occurrence(labels, 4, step), np.sum(slices, axis=0))
    across = labels.transpose(1, 2, 0)
    slices = [texture.graycomatrix(plane, [1], [0.0], levels=4)[..., 0, 0] for plane in across]
    np.testing.assert_array_equal(co_occurrence(labels, 4, (1, 0, 0)), np.sum(slices, axis=0))


@pytest.mark.parametrize("offset", [(1, -2, 0), (-1, 1, 2), (0, 0, 0), (4, 0, 0), (9, 0, 0)])
def test_counts_equal_a_loop_for_any_offset(offset):
    labels = random_labels(5, 4, 6, classes=3)
    expected = np.zeros((3, 3), int)
    for index in np.ndindex(labels.shape):
        other = np.add(index, offset)
        if (other >= 0).all() and (other < labels.shape).all():
            expected[labels[index], labels[tuple(other)]] += 1
    np.testing.assert_array_equal(co_occurrence(labels, 3, offset), expected)


def test_measures_equal_those_of_scikit_image():
    labels = random_labels(20, 21)
    counts = texture.graycomatrix(labels, [1], [0.0], levels=4, normed=True)
    found = label_randomness(labels, 4, [(0, 1)])
    assert found.contrast == pytest.approx(texture.graycoprops(counts, "contrast").item())
    share = counts[..., 0, 0]
    assert found.off_diagonal == pytest.approx(1 - np.trace(share))
    assert found.entropy == pytest.approx(-(share[share > 0] * np.log(share[share > 0])).sum())


def test_blob_is_less_random_than_its_voxels_shuffled():
    blob = np.zeros((12, 12, 12), int)
    blob[3:9, 3:9, 3:9] = 1
    shuffled = np.random.default_rng(0).permutation(blob.reshape(-1)).reshape(blob.shape)
    ordered, random = label_randomness(blob, 2), label_randomness(shuffled, 2)
    assert ordered.off_diagonal < random.off_diagonal
    assert ordered.entropy < random.entropy
    assert ordered.contrast < random.contrast
    faces = 6 * 6 * 6 / (3 * 11 * 12 * 12)
    assert label_randomness(blob, 2).off_diagonal == pytest.approx(faces)


def test_one_label_throughout_is_not_random():
    assert label_randomness(np.full((4, 4), 2), 3) == (0.0, 0.0, 0.0)


def test_tensors_and_arrays_give_the_same():
    labels = random_labels(6, 7)
    assert label_randomness(torch.from_numpy(labels), 4) == label_randomness(labels, 4)


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="labels from 0 to 1; received labels from 0 to 3"):
        label_randomness(random_labels(9, 9), 2)
    with pytest.raises(InputError, match="an offset of 2 steps"):
        co_occurrence(random_labels(9, 9), 4, (1,))
    with pytest.raises(InputError, match="at least two neighbouring voxels"):
        label_randomness(np.zeros((1, 1), int), 2)
    with pytest.raises(InputError, match="a label map of integers"):
        label_randomness(np.zeros((3, 3)), 2)
