"""Row 11, van Aalst et al. (2025): ECE-label, U-E overlap and surface Dice by structure."""

import numpy as np
import pytest
import torch
from literature_row import LiteratureRow

from segqc_conformal.evaluation.surface_dice import surface_dice
from segqc_conformal.evaluation.voxel_errors import VoxelErrors
from segqc_conformal.evaluation.voxel_metrics import voxel_metrics
from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator

ROW = LiteratureRow(
    system="Uncertainty of organs at risk",
    paper="van Aalst et al. (2025)",
    signal="multi-class and one-vs-rest entropy, with ECE-label, U-E overlap and surface Dice",
    names=(
        "uncertainty.accumulator.UncertaintyAccumulator",
        "evaluation.voxel_metrics.voxel_metrics",
        "evaluation.surface_dice.surface_dice",
    ),
    asserted="of two balls, one with a wavering border, both kinds of map find the wrong voxels, "
    "ECE-label exceeds the ECE that background flatters, and surface Dice is lower for that ball",
    reconstruction="ECE-label is read as the ECE over the voxels where mask or reference has a "
    "structure.",
)

STRUCTURES = {"left": 1, "right": 2}
SHAPE = (12, 40, 40)


@pytest.fixture(scope="module")
def samples():
    """Two balls; the samples waver about the border of the left one only."""
    generator = torch.Generator().manual_seed(0)
    z, y, x = torch.meshgrid(*map(torch.arange, SHAPE), indexing="ij")
    balls = [torch.sqrt((z - 6) ** 2 + (y - 20) ** 2 + (x - c) ** 2.0) for c in (10, 29)]
    reference = (balls[0] < 5).long() + 2 * (balls[1] < 5).long()
    found = []
    for _ in range(8):
        radius = 6 + 1.5 * torch.randn(1, generator=generator)
        inside = [torch.sigmoid(3 * (radius - balls[0])), torch.sigmoid(3 * (5 - balls[1]))]
        found.append(torch.stack([1 - inside[0] - inside[1], *inside]).clamp(1e-6, 1))
    return [sample / sample.sum(0) for sample in found], reference


def evaluated(samples, shuffled=False):
    probabilities, reference = samples
    wanted = ("predictive_entropy", "one_vs_rest_predictive_entropy", "confidence")
    accumulator = UncertaintyAccumulator(STRUCTURES, spacing_mm=(2.0, 1.0, 1.0), maps=wanted)
    for sample in probabilities:
        accumulator.update(sample)
    maps, mask = accumulator.maps(), torch.as_tensor(accumulator.fused_mask())
    signals = {
        "multi-class": (maps["predictive_entropy"], mask, reference),
        **{
            name: (maps["one_vs_rest_predictive_entropy"][place], mask == label, reference == label)
            for place, (name, label) in enumerate(STRUCTURES.items())
        },
    }
    out = {}
    for name, (entropy, given, true) in signals.items():
        entropy = torch.as_tensor(entropy)
        if shuffled:
            order = torch.randperm(entropy.numel(), generator=torch.Generator().manual_seed(1))
            entropy = entropy.reshape(-1)[order].reshape(entropy.shape)
        errors = VoxelErrors(largest=float(np.log(3)))
        errors.update(entropy, torch.as_tensor(maps["confidence"]), given, true)
        out[name] = voxel_metrics(errors)
    return out, mask.numpy(), reference.numpy()


def test_row_11_multi_class_and_class_maps_find_the_errors(samples):
    found, mask, reference = evaluated(samples)
    for name in ("multi-class", "left"):
        assert found[name]["error_share"] > 0.0
        assert found[name]["error_auroc"] > 0.95
        assert found[name]["ue_overlap"] > 0.3
        # most voxels are sure background, which flatters the plain ECE
        assert found[name]["ece"] < found[name]["ece_label"]
    agreement = {
        name: surface_dice(mask == label, reference == label, (2.0, 1.0, 1.0), 0.5)
        for name, label in STRUCTURES.items()
    }
    assert agreement["left"] < agreement["right"]


def test_row_11_twin_with_shuffled_maps_does_not(samples):
    found, _, _ = evaluated(samples, shuffled=True)
    assert found["multi-class"]["error_auroc"] < 0.7
    assert found["multi-class"]["ue_overlap"] < 0.2
