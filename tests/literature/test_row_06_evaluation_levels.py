"""Row 6, Li et al. (2025): evaluation of any signal on pixel, sample and model level."""

import numpy as np
import pytest
from literature_row import LiteratureRow

from segqc_conformal.dice import dice
from segqc_conformal.evaluation.bootstrap import paired_difference, patient_counts
from segqc_conformal.evaluation.reconstructions import esce_reconstruction, hdice_reconstruction
from segqc_conformal.evaluation.voxel_errors import VoxelErrors
from segqc_conformal.evaluation.voxel_metrics import voxel_metrics

ROW = LiteratureRow(
    system="Evaluation for clinical deployment",
    paper="Li et al. (2025)",
    signal="UCM for the voxels, ESCE for the cases, HDice for the model",
    names=(
        "evaluation.voxel_errors.VoxelErrors",
        "evaluation.voxel_metrics.voxel_metrics",
        "evaluation.reconstructions.ucm_reconstruction",
        "evaluation.reconstructions.esce_reconstruction",
        "evaluation.reconstructions.hdice_reconstruction",
    ),
    asserted="each level is at its end for a signal that knows every error, and tells a signal "
    "that knows where masks err from the same signal shuffled, by more than chance",
    reconstruction="the formulas are not public: overlap of the densities of right and wrong "
    "voxels, calibration error of predicted Dice, and the harmonic mean of Dice and one less that "
    "error are read into the names.",
)

CASES, SIDE = 60, 48


@pytest.fixture(scope="module")
def cases():
    """Discs whose masks err near their border, with an uncertainty that knows where, or not."""
    rng = np.random.default_rng(0)
    distance = np.hypot(*(np.indices((SIDE, SIDE)) - SIDE / 2))
    found = []
    for _ in range(CASES):
        radius, softness = rng.uniform(8, 18), rng.uniform(0.3, 4.0)
        reference = distance < radius
        probability = 1 / (1 + np.exp((distance - radius) / softness))
        wrong = rng.random((SIDE, SIDE)) < np.minimum(probability, 1 - probability)
        mask = reference ^ wrong
        predicted = 2 * (probability * reference).sum() / (probability.sum() + reference.sum())
        found.append((1 - 2 * np.abs(probability - 0.5), mask, reference, predicted))
    return found


def levels(cases, order=None):
    """Return the voxel metrics, the predicted and the true Dice; `order` shuffles the signal."""
    errors, rng = VoxelErrors(largest=1.0), np.random.default_rng(1)
    for uncertainty, mask, reference, _ in cases:
        given = uncertainty
        if order is not None:
            given = rng.permutation(uncertainty.ravel()).reshape(uncertainty.shape)
        errors.update(given, 1 - given / 2, mask, reference)
    predicted = np.array([case[3] for case in cases])
    true = np.array([dice(mask, reference) for _, mask, reference, _ in cases])
    return voxel_metrics(errors), predicted if order is None else predicted[order], true


def tell_apart(good, bad):
    """Say for each level whether the first signal is the better one, by more than chance."""
    counts = patient_counts(np.arange(CASES))
    sample, model = (
        paired_difference(metric, good[1], bad[1], good[2], counts)
        for metric in (esce_reconstruction, hdice_reconstruction)
    )
    return {
        "pixel": good[0]["ucm"] > bad[0]["ucm"] + 0.1
        and good[0]["ue_overlap"] > bad[0]["ue_overlap"]
        and good[0]["ece_label"] < bad[0]["ece_label"],
        "sample": sample.high < 0.0,
        "model": model.low > 0.0,
    }


@pytest.fixture(scope="module")
def order():
    return np.random.default_rng(2).permutation(CASES)


def test_row_06_three_levels_tell_a_good_signal_from_a_bad_one(cases, order):
    assert tell_apart(levels(cases), levels(cases, order)) == {
        "pixel": True,
        "sample": True,
        "model": True,
    }


def test_row_06_a_signal_that_knows_every_error_is_at_the_end_of_each_level(cases):
    errors = VoxelErrors(largest=1.0)
    for _, mask, reference, _ in cases:
        wrong = (mask != reference).astype(float)
        errors.update(wrong, 1.0 - wrong, mask, reference)
    found = voxel_metrics(errors)
    assert found["ucm"] == found["ue_overlap"] == found["error_auroc"] == 1.0
    assert found["ece_label"] == 0.0
    true = np.array([dice(mask, reference) for _, mask, reference, _ in cases])
    assert esce_reconstruction(true, true) == pytest.approx(0.0, abs=1e-12)
    # a model that always knows its Dice is held back by its Dice alone
    assert true.mean() < hdice_reconstruction(true, true) < 1.0
    assert hdice_reconstruction(np.ones(CASES), np.ones(CASES)) == 1.0
    assert hdice_reconstruction(np.zeros(CASES), np.ones(CASES)) == 0.0


def test_row_06_twin_with_shuffled_input_fails_on_every_level(cases, order):
    another = np.random.default_rng(3).permutation(CASES)
    shuffled = [levels(cases, mixed) for mixed in (order, another)]
    assert not any(tell_apart(*shuffled).values())
