from dataclasses import replace
from math import prod

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.feature import graycomatrix, graycoprops

from segqc_conformal.measures.label_texture import MEANINGS, label_texture, neighbour_shares


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(2, 9), columns=st.integers(2, 9), seed=st.integers(0, 10**6))
def test_shares_of_neighbours_equal_scikit_image(rows, columns, seed):
    labels = np.random.default_rng(seed).integers(0, 4, (rows, columns))
    counts = graycomatrix(labels.astype(np.uint8), [1], [0, np.pi / 2], levels=4, symmetric=True)
    expected = counts[:, :, 0].sum(-1).astype(np.float64)
    shares = neighbour_shares(labels, 4, (1.0, 1.0))
    np.testing.assert_allclose(shares, expected / expected.sum(), rtol=1e-12)
    energy = graycoprops(expected[:, :, None, None], "ASM").item()
    assert np.square(shares).sum() == pytest.approx(energy, rel=1e-9)


def brute_force(case) -> dict[str, float]:
    labels = np.pad(case.structure.labels.numpy(), 1)
    judged = np.argwhere(np.pad(case.judged, 1))
    low, high = judged.min(0) - 1, judged.max(0) + 1
    pairs = np.zeros((3, 3))
    for at in np.ndindex(labels.shape):
        for axis, step in enumerate(case.spacing):
            beside = list(at)
            beside[axis] += 1
            if (np.array(at) >= low).all() and (np.array(beside) <= high).all():
                area = prod(case.spacing) / step
                pairs[labels[at], labels[tuple(beside)]] += area
                pairs[labels[tuple(beside)], labels[at]] += area
    shares = pairs / pairs.sum()
    held = shares[shares > 0]
    return {
        "label_change_share": 1 - np.trace(shares),
        "label_energy": np.square(shares).sum(),
        "label_entropy": -(held * np.log(held)).sum(),
        "label_contact_share": shares[1, 2] / (shares[1, 0] + shares[1, 2]),
    }


@settings(max_examples=40, deadline=None)
@given(
    shape=st.sampled_from([(15,), (9, 8), (6, 5, 7), (6, 1, 7)]),
    kind=st.sampled_from(["blob", "noise", "full", "one voxel", "corner"]),
    seed=st.integers(0, 10**6),
)
def test_texture_equals_brute_force(draw, shape, kind, seed):
    case = draw(seed, shape, kind)
    result, expected = label_texture(case.structure), brute_force(case)
    assert result.keys() == expected.keys() == MEANINGS.keys()
    for name, value in expected.items():
        assert result[name] == pytest.approx(value, rel=1e-6, abs=1e-12), name


def test_numbering_of_the_labels_does_not_matter(draw):
    case = draw(0, (9, 8))
    renamed = torch.tensor([0, 7, 3])[case.structure.labels]
    assert label_texture(replace(case.structure, labels=renamed)) == pytest.approx(
        label_texture(case.structure), rel=1e-12
    )


def test_empty_mask_gives_zeros(draw):
    assert label_texture(draw(0, (4, 4), "empty").structure) == dict.fromkeys(MEANINGS, 0.0)


@pytest.mark.parametrize("shape", [(10,), (9, 8), (7, 6, 8)])
def test_certain_background_around_the_case_changes_nothing(draw, shape):
    plain, padded = (label_texture(draw(3, shape, pad=by).structure) for by in (0, 5))
    assert plain == pytest.approx(padded, rel=1e-12)
