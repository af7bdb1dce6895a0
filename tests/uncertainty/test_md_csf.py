import numpy as np
import pytest
import torch

from segqc_conformal.errors import InputError
from segqc_conformal.uncertainty.md_csf import md_csf_reconstruction


def random_logits(classes: int = 3) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(classes, 5, 6)))


def test_score_equals_a_voxelwise_loop():
    logits = random_logits()
    z = logits.numpy().reshape(3, -1)
    z = z - z.mean(0)
    chosen = z.argmax(0)
    means = {c: z[:, chosen == c].mean(1) for c in range(3)}
    expected = [
        np.linalg.norm(z[:, v]) * (z[:, v] @ m / np.linalg.norm(z[:, v]) / np.linalg.norm(m))
        for v in range(30)
        for m in [means[chosen[v]]]
    ]
    np.testing.assert_allclose(
        md_csf_reconstruction(logits), np.reshape(expected, (5, 6)), atol=1e-6
    )


def test_what_the_softmax_does_not_see_changes_nothing():
    logits = random_logits()
    shifted = logits + torch.arange(30.0).reshape(5, 6)
    torch.testing.assert_close(md_csf_reconstruction(shifted), md_csf_reconstruction(logits))


def test_both_magnitude_and_direction_count():
    strong, weak, astray = [6.0, 0.0, 0.0], [3.0, 0.0, 0.0], [6.0, 5.9, 0.0]
    score = md_csf_reconstruction(torch.tensor([strong, strong, weak, astray]).T)
    assert score[0] > score[2]
    assert score[0] > score[3]


def test_equal_logits_score_0():
    assert md_csf_reconstruction(torch.ones(3, 4)).tolist() == [0.0] * 4


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        (torch.zeros(1, 4), "two classes or more"),
        (torch.zeros(2, 4, dtype=torch.int64), "floating-point logits"),
        (torch.full((2, 4), float("nan")), "finite logits"),
    ],
)
def test_what_are_no_logits_is_refused(logits, message):
    with pytest.raises(InputError, match=message):
        md_csf_reconstruction(logits)
