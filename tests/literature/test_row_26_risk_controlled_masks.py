"""Row 26 (Dai et al. 2025): thresholds on masks that bound what is missed or falsely marked."""

from functools import cache

import numpy as np
from literature_row import LiteratureRow

from segqc_conformal.calibrators import MaskThreshold
from segqc_conformal.calibrators.masks.curve import MaskCurve, mask_curve
from segqc_conformal.calibrators.masks.instances import instance_curve

ROW = LiteratureRow(
    system="Conformal instance segmentation",
    paper="Dai et al. (2025)",
    signal="probability threshold whose expected share of missed or of falsely marked voxels is at "
    "most alpha, also by connected part",
    names=(
        "calibrators.MaskThreshold",
        "calibrators.masks.curve.mask_curve",
        "calibrators.masks.instances.instance_curve",
    ),
    asserted="over many calibrations new patients miss at most alpha of the voxels and of the "
    "parts, and mark at most alpha falsely although that share does not fall with the threshold",
    reconstruction="the abstract promises its bound with high probability; conformal risk control "
    "bounds an expectation, and MaskThreshold(confidence=...) gives the other kind.",
    out_of_scope="the instance networks (Mask R-CNN, BlendMask): any probabilities are taken.",
)
ALPHA, PATIENTS, REPEATS = 0.2, 30, 40
Masks = tuple[np.ndarray, np.ndarray]


def patient(rng: np.random.Generator) -> Masks:
    """Draw probabilities and reference: blocks of 8 voxels, of which one is more or less sure.

    The surest voxels of some patients are false, so that a stricter mask can be a falser one.
    """
    reference = np.repeat(rng.random(25) < 0.4, 8)
    line = 1.5 * (2.0 * reference - 1.0) + rng.normal(0.0, 0.8) + rng.normal(0.0, 1.0, 200)
    if rng.random() < 0.1:
        line[np.flatnonzero(~reference)[:3]] += 8.0
    return 1.0 / (1.0 + np.exp(-line)), reference


def voxels(masks: Masks) -> MaskCurve:
    return mask_curve(*masks)


def parts(masks: Masks) -> MaskCurve:
    return instance_curve(*masks, covered_share=0.75)


def shuffled(masks: Masks, rng: np.random.Generator) -> Masks:
    """Give the voxels of a patient the probabilities of each other."""
    return rng.permutation(masks[0]), masks[1]


@cache
def mean_loss(risk: str, by_part: bool = False, twin: bool = False) -> tuple[float, float]:
    """Return the mean loss of new patients over many calibrations, and its standard error."""
    curve_of = parts if by_part else voxels
    setting = MaskThreshold("part", risk, ALPHA, covered_share=0.75 if by_part else None)
    losses = []
    for repeat in range(REPEATS):
        rng = np.random.default_rng(repeat)
        certificate = setting.calibrate(curve_of(patient(rng)) for _ in range(PATIENTS))
        new = [patient(rng) for _ in range(10)]
        new = [shuffled(masks, rng) for masks in new] if twin else new
        if certificate.threshold is None:  # nothing is marked, so nothing falsely
            losses.append(0.0)
            continue
        curves = [curve_of(masks) for masks in new]
        lost = [(one.fnr if risk == "fnr" else one.fdr)(certificate.threshold) for one in curves]
        losses.append(float(np.mean(lost)))
    return float(np.mean(losses)), float(np.std(losses) / np.sqrt(REPEATS))


def test_row_26_new_patients_miss_at_most_alpha_and_not_much_less() -> None:
    for by_part in (False, True):
        mean, error = mean_loss("fnr", by_part)
        assert mean < ALPHA + 3 * error
        assert mean > ALPHA / 2


def test_row_26_the_share_of_false_voxels_is_not_monotone_and_bounded_all_the_same() -> None:
    rng = np.random.default_rng(0)
    thresholds = np.linspace(0.05, 0.99, 95)
    shares = np.array([voxels(patient(rng)).fdr(thresholds) for _ in range(20)])
    assert (np.diff(shares, axis=1) > 0).any(axis=1).mean() > 0.5  # stricter, and falser
    missed = np.array([voxels(patient(rng)).fnr(thresholds) for _ in range(20)])
    assert (np.diff(missed, axis=1) >= 0).all()
    mean, error = mean_loss("fdr")
    assert mean < ALPHA + 3 * error
    assert mean > ALPHA / 4


def test_row_26_a_part_counts_as_missed_where_too_little_of_it_is_covered() -> None:
    reference = np.array([1, 1, 1, 1, 0, 1, 1, 1, 1]) > 0
    probabilities = np.array([0.9, 0.9, 0.9, 0.1, 0.0, 0.9, 0.9, 0.1, 0.1])
    assert parts((probabilities, reference)).fnr(0.5) == 0.5
    assert voxels((probabilities, reference)).fnr(0.5) == 3 / 8


def test_row_26_twin_shuffled_probabilities_break_both_bounds() -> None:
    for risk, by_part in (("fnr", False), ("fnr", True), ("fdr", False)):
        mean, error = mean_loss(risk, by_part, twin=True)
        assert mean > ALPHA + 3 * error
