import math
import warnings

import numpy as np
import pytest
from mapie.risk_control import SemanticSegmentationController
from scipy.stats import beta, norm

from segqc_conformal.calibrators.fixed_sequence import holm
from segqc_conformal.calibrators.masks.certificate import MaskCertificate
from segqc_conformal.calibrators.masks.curve import MaskCurve, mask_curve
from segqc_conformal.calibrators.masks.instances import instance_curve
from segqc_conformal.calibrators.masks.risk_test import risk_p_value
from segqc_conformal.calibrators.masks.search import crc_budget, fewest_patients_for_crc
from segqc_conformal.calibrators.masks.threshold import MaskThreshold
from segqc_conformal.errors import InputError

SPREAD = 1.5
NOTHING = np.empty(0, dtype=np.float32)


def expit(x):
    return 1 / (1 + np.exp(-x))


def patients_of_the_world(n, rng):
    """Easy patients have large structures, so that their voxels outnumber the others'."""
    ease = rng.normal(0, SPREAD, n)
    voxels = [expit(2 + e + rng.normal(size=400 if e > 0 else 20)) for e in ease]
    return [MaskCurve(np.sort(v).astype(np.float32), NOTHING) for v in voxels]


def true_fnr(threshold):
    """Expected FNR of a new patient of `patients_of_the_world`."""
    if not threshold:
        return 0.0
    return float(norm.cdf((math.log(threshold / (1 - threshold)) - 2) / math.hypot(1, SPREAD)))


def small_cases(n, rng, dtype=np.float64):
    probabilities = rng.random((n, 6, 8)).astype(dtype)
    return list(zip(probabilities, rng.random((n, 6, 8)) < probabilities, strict=True))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_fnr_threshold_equals_brute_force_over_all_candidates(dtype):
    rng = np.random.default_rng(0)
    for n, alpha in ((9, 0.1), (14, 0.2), (30, 0.15)):
        cases = small_cases(n, rng, dtype)
        curves = [mask_curve(p, r) for p, r in cases]
        ours = MaskThreshold("liver", tolerated=alpha).calibrate(curves).threshold
        found = None
        for t in np.unique(np.r_[0.0, 1.0, np.concatenate([p.ravel() for p, _ in cases])]):
            losses = [((p < t) & r).sum() / max(r.sum(), 1) for p, r in cases]
            if (sum(losses) + 1) / (n + 1) <= alpha + 1e-12:
                found = float(t)
        assert ours == found


def test_certified_thresholds_equal_mapie_on_its_grid():
    rng = np.random.default_rng(1)
    grid = np.arange(0.01, 0.9, 0.01)
    for n in (20, 60):
        cases = small_cases(n, rng)
        x = np.stack([p for p, _ in cases])[:, None]
        y = np.stack([r.ravel() for _, r in cases]).astype(int)
        curves = [mask_curve(p, r) for p, r in cases]
        for alpha in (0.1, 0.2, 0.4):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fnr, fdr = (
                    SemanticSegmentationController(
                        lambda x: x,
                        risk=risk,
                        target_level=1 - alpha,
                        confidence_level=confidence,
                        predict_params=grid,
                    ).calibrate(x, y)
                    for risk, confidence in (("recall", None), ("precision", 0.9))
                )
            ours = MaskThreshold("liver", tolerated=alpha).calibrate(curves)
            assert ours.threshold is not None
            # its masks are `>`, ours are `>=`; no probability lies on the grid
            expected = grid[grid <= ours.threshold].max(initial=grid[0])
            assert fnr.best_predict_param[0] == expected
            # its FDR is tested by Holm; the same tests in our fixed sequence
            losses = np.array([curve.fdr(grid) for curve in curves])
            p = [risk_p_value("hoeffding-bentkus", losses[:, i], alpha) for i in range(grid.size)]
            assert grid[holm(np.array(p), 0.1)].tolist() == sorted(fdr.valid_predict_params[0])
            settings = MaskThreshold(
                "liver", "fdr", alpha, 0.9, risk_test="hoeffding-bentkus", grid=tuple(grid[::-1])
            )
            tests = settings.calibrate(curves).tests
            assert [test.p_value for test in tests] == p[::-1][: len(tests)]


def test_the_mask_of_a_calibration_case_has_the_fnr_of_its_curve():
    rng = np.random.default_rng(2)
    cases = small_cases(20, rng, np.float16)
    certificate = MaskThreshold("liver").calibrate(mask_curve(p, r) for p, r in cases)
    missed = [(r & ~certificate.mask(p)).sum() / r.sum() for p, r in cases]
    assert certificate.mean_loss == pytest.approx(np.mean(missed), abs=1e-15)


def test_mixed_precisions_are_compared_exactly():
    rng = np.random.default_rng(3)
    cases = small_cases(10, rng, np.float16) + small_cases(10, rng, np.float64)
    mixed = MaskThreshold("liver").calibrate([mask_curve(p, r) for p, r in cases])
    double = MaskThreshold("liver").calibrate([mask_curve(p.astype(float), r) for p, r in cases])
    assert mixed == double


def test_too_few_patients_mark_everything_and_say_so():
    p = np.full((2, 2), 0.9)
    curve = mask_curve(p, np.ones((2, 2), dtype=bool))
    eight = MaskThreshold("liver").calibrate([curve] * 8)
    nine = MaskThreshold("liver").calibrate([curve] * 9)
    assert (eight.threshold, nine.threshold) == (None, 0.9)
    assert eight.mask(np.zeros((2, 2))).all()
    assert "Cannot certify" in eight.promise
    assert "fewer than 9 never can" in eight.promise
    assert "every voxel is marked" in eight.promise


def test_an_fdr_that_cannot_be_certified_leaves_the_mask_empty():
    curve = mask_curve(np.full(4, 0.9), np.zeros(4, dtype=bool))
    for confidence in (None, 0.9):
        settings = MaskThreshold("liver", "fdr", 0.1, confidence, grid=(0.8, 0.5))
        certificate = settings.calibrate([curve] * 50)
        assert certificate.threshold is None
        assert not certificate.mask(np.ones(4)).any()
        assert "the mask is left empty" in certificate.promise
    assert len(certificate.tests) == 1  # the sequence stops at its first failure


@pytest.mark.parametrize(("test", "fewest"), [("betting", 27), ("hoeffding-bentkus", 22)])
def test_fewest_patients_that_certify_with_confidence(test, fewest):
    curve = mask_curve(np.array([0.9, 0.4]), np.array([True, False]))
    for risk in ("fnr", "fdr"):
        settings = MaskThreshold("l", risk, 0.1, 0.9, risk_test=test, grid=(0.9, 0.5))
        assert settings.calibrate([curve] * (fewest - 1)).threshold is None
        certificate = settings.calibrate([curve] * fewest)
        assert certificate.threshold == (0.9 if risk == "fnr" else 0.5)
        assert certificate.fewest_patients == fewest


def test_no_patients_certify_nothing():
    for risk in ("fnr", "fdr"):
        for confidence in (None, 0.9):
            certificate = MaskThreshold("liver", risk, 0.1, confidence).calibrate([])
            assert certificate.threshold is None
            assert MaskCertificate.from_json(certificate.to_json()) == certificate


def test_a_patient_counts_once_and_curves_are_read_one_by_one():
    rng = np.random.default_rng(4)
    cases = small_cases(60, rng)
    once = MaskThreshold("liver").calibrate([mask_curve(p, r) for p, r in cases[::3]])
    patients = np.arange(20).repeat(3)
    assert MaskThreshold("liver").calibrate((mask_curve(p, r) for p, r in cases), patients) == once
    with pytest.raises(InputError, match="60 patients"):
        MaskThreshold("liver").calibrate((mask_curve(p, r) for p, r in cases), patients[:59])


def test_json_round_trip_is_exact():
    rng = np.random.default_rng(5)
    curves = [mask_curve(p, r) for p, r in small_cases(60, rng)]
    for risk, confidence in (("fnr", None), ("fnr", 0.9), ("fdr", 0.9)):
        certificate = MaskThreshold("liver", risk, 0.4, confidence).calibrate(curves)
        assert certificate.threshold is not None
        assert MaskCertificate.from_json(certificate.to_json()) == certificate


def test_a_threshold_of_zero_says_that_everything_is_marked():
    curve = mask_curve(np.array([0.0, 0.4]), np.array([True, False]))
    certificate = MaskThreshold("liver").calibrate([curve] * 9)
    assert certificate.threshold == 0.0
    assert "every voxel is marked" in certificate.promise


def test_patients_without_the_structure_are_counted_in_the_promise():
    curve = mask_curve(np.array([0.6, 0.4]), np.array([True, False]))
    healthy = mask_curve(np.array([0.6, 0.4]), np.array([False, False]))
    certificate = MaskThreshold("lesion").calibrate([curve] * 20 + [healthy] * 5)
    assert "25 calibration patients (5 of them without lesion, counted as 0)" in certificate.promise
    assert MaskCertificate.from_json(certificate.to_json()) == certificate


def test_promises_name_what_is_counted():
    rng = np.random.default_rng(6)
    cases = small_cases(60, rng)
    parts = [instance_curve(p, r, 0.5) for p, r in cases]
    promise = MaskThreshold("lesion", covered_share=0.5).calibrate(parts).promise
    assert "10% of the connected lesion parts of the reference" in promise
    assert "covers less than 50% of them" in promise
    promise = MaskThreshold("lesion", "fdr", 0.5, 0.9).calibrate(
        [mask_curve(p, r) for p, r in cases]
    )
    assert "With 90% confidence" in promise.promise
    assert "at most 50% of the voxels of the lesion mask lie outside" in promise.promise


@pytest.mark.parametrize(
    "settings",
    [
        {"risk": "dice"},
        {"tolerated": 0.0},
        {"confidence": 1.0},
        {"risk": "fdr", "covered_share": 0.5},
        {"covered_share": 0.0},
        {"risk_test": "binomial"},
        {"grid": (0.1, 0.9)},
        {"grid": ()},
        {"grid": (0.5, 0.0)},
    ],
)
def test_settings_without_a_theorem_are_refused(settings):
    with pytest.raises(InputError):
        MaskThreshold("liver", **settings)


def test_curves_of_instances_do_not_calibrate_voxels():
    curve = instance_curve(np.array([0.9]), np.array([True]))
    with pytest.raises(InputError, match="covered_share"):
        MaskThreshold("liver").calibrate([curve])
    with pytest.raises(InputError, match="voxels"):
        MaskThreshold("liver", "fdr").calibrate([curve])


def pooled_twin(curves):
    """The twin that takes voxels for patients."""
    voxels = np.sort(np.concatenate([curve.inside for curve in curves]))
    return float(voxels[int(0.1 * (voxels.size + 1)) - 1])


def uncorrected_twin(curves):
    """The twin that bounds the mean of the calibration patients, without the 1 / (n + 1)."""
    candidates = np.unique(np.concatenate([curve.inside for curve in curves]))
    low, high = 0, candidates.size - 1
    while high - low > 1:
        middle = (low + high) // 2
        mean = np.mean([float(curve.fnr(candidates[middle])) for curve in curves])
        low, high = (middle, high) if mean <= 0.1 else (low, middle)
    return float(candidates[low])


def test_expected_fnr_is_bounded_and_twins_are_caught():
    rng = np.random.default_rng(7)
    draws = [patients_of_the_world(10, rng) for _ in range(300)]
    ours = [true_fnr(MaskThreshold("s").calibrate(draw).threshold) for draw in draws]
    assert np.mean(ours) <= 0.1 + 2 * np.std(ours) / math.sqrt(300)
    assert np.mean([true_fnr(pooled_twin(draw)) for draw in draws]) > 0.3
    uncorrected = [true_fnr(uncorrected_twin(draw)) for draw in draws]
    assert np.mean(uncorrected) > 0.1 + 2 * np.std(uncorrected) / math.sqrt(300)


def test_expected_fnr_is_not_wasted_with_many_patients():
    rng = np.random.default_rng(8)
    ours = [
        true_fnr(MaskThreshold("s").calibrate(patients_of_the_world(200, rng)).threshold)
        for _ in range(40)
    ]
    # conformal risk control is at most 2 / (n + 1) below alpha
    assert np.mean(ours) >= 0.1 - 2 / 201 - 2 * np.std(ours) / math.sqrt(40)


def test_fnr_with_confidence_is_bounded_in_most_draws_and_the_expectation_twin_is_caught():
    rng = np.random.default_rng(9)
    draws = [patients_of_the_world(60, rng) for _ in range(120)]
    slack = 2 * math.sqrt(0.1 * 0.9 / 120)
    for test in ("betting", "hoeffding-bentkus"):
        settings = MaskThreshold("s", confidence=0.9, risk_test=test)
        risks = [true_fnr(settings.calibrate(draw).threshold) for draw in draws]
        assert np.mean(np.array(risks) > 0.1) <= 0.1 + slack
        assert np.mean(risks) > 0.02  # it does not hold by marking everything
    twin = [true_fnr(MaskThreshold("s").calibrate(draw).threshold) for draw in draws]
    assert np.mean(np.array(twin) > 0.1) > 0.1 + slack


def masks_of_the_world(n, rng, levels=9, share=0.3):
    """At each threshold most of the mask is new, and false with probability `share`.

    So the expected FDR is `share` at every threshold, and hardly depends on that of the others.
    """
    voxels = 30 ** np.arange(levels)
    false = np.cumsum(voxels * (rng.random((n, levels)) < share), axis=1)
    grid = tuple(np.linspace(0.9, 0.1, levels).tolist())
    return [GridCurve(f, np.cumsum(voxels)) for f in false], grid


class GridCurve(MaskCurve):
    """A curve known on a grid only: masks of 30^9 voxels do not fit into memory."""

    def __init__(self, false, marked):
        super().__init__(NOTHING, NOTHING)
        object.__setattr__(self, "counts", (false, marked))

    def false_and_marked(self, thresholds):
        return self.counts


def test_expected_fdr_is_bounded_and_plain_risk_control_is_caught():
    rng = np.random.default_rng(10)
    ours, twin = [], []
    for _ in range(400):
        curves, grid = masks_of_the_world(8, rng)
        certificate = MaskThreshold("s", "fdr", 0.25, grid=grid).calibrate(curves)
        ours.append(0.3 * (certificate.threshold is not None))
        # the twin: the loosest threshold whose own loss is within the budget
        losses = np.array([curve.fdr(grid) for curve in curves])
        twin.append(0.3 * bool(((losses.sum(axis=0) + 1) / 9 <= 0.25).any()))
    assert np.mean(ours) <= 0.25 + 2 * np.std(ours) / 20
    assert np.mean(ours) > 0.02
    assert np.mean(twin) > 0.25 + 2 * np.std(twin) / 20


def test_fdr_with_confidence_at_the_boundary_and_the_twin_without_sequence():
    rng = np.random.default_rng(11)
    certified, twin = [], []
    for _ in range(300):
        curves, grid = masks_of_the_world(200, rng)
        settings = MaskThreshold("s", "fdr", 0.3, 0.9, risk_test="hoeffding-bentkus", grid=grid)
        certified.append(settings.calibrate(curves).threshold is not None)
        losses = np.array([curve.fdr(grid) for curve in curves])
        # the twin: every threshold tested at full delta, the first failure ignored
        p = [risk_p_value("hoeffding-bentkus", column, 0.3) for column in losses.T]
        twin.append(min(p) <= 0.1)
    slack = 2 * math.sqrt(0.1 * 0.9 / 300)
    assert 0.01 < np.mean(certified) <= 0.1 + slack
    assert np.mean(twin) > 0.1 + slack


def test_empty_masks_are_counted_at_the_certified_threshold_and_said():
    sure = mask_curve(np.array([0.9, 0.4]), np.array([True, False]))
    unsure = mask_curve(np.array([0.6, 0.1]), np.array([True, False]))
    blank = mask_curve(np.zeros(2), np.array([True, False]))
    curves = [sure] * 50 + [unsure] * 6 + [blank] * 4
    for confidence in (None, 0.9):
        for grid, empty in (((0.8,), 10), ((0.8, 0.5), 4)):
            settings = MaskThreshold("liver", "fdr", 0.1, confidence, grid=grid)
            certificate = settings.calibrate(curves)
            assert (certificate.threshold, certificate.empty_masks) == (grid[-1], empty)
            assert f"{empty} of 60 calibration masks are empty there" in certificate.promise
            assert "counted as 0" in certificate.promise
            assert MaskCertificate.from_json(certificate.to_json()) == certificate


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.15, 0.2, 0.3])
def test_an_fdr_exactly_on_the_budget_is_certified_and_one_voxel_more_is_not(alpha):
    for n in range(fewest_patients_for_crc(alpha), 200):
        share = crc_budget(n, alpha) / n  # the same FDR for every patient
        false, marked = share.numerator * 10**7, share.denominator * 10**7
        settings = MaskThreshold("liver", "fdr", alpha, grid=(0.5,))
        on = [GridCurve(np.array([false]), np.array([marked]))] * n
        assert settings.calibrate(on).threshold == 0.5
        over = [GridCurve(np.array([false + 1]), np.array([marked])), *on[1:]]
        assert settings.calibrate(over).threshold is None


def test_missed_lesions_are_bounded_by_patient_and_pooling_lesions_is_caught():
    """Patients with many lesions have easy ones; the miss of each is decided by one number."""
    rng = np.random.default_rng(12)
    settings = MaskThreshold("lesion", covered_share=0.5)
    ours, twin = [], []
    for _ in range(200):
        hard = rng.random(20) < 0.5
        found = [np.sort(rng.beta(2 if h else 6, 2, 2 if h else 40)) for h in hard]
        curves = [MaskCurve(levels, np.empty(0), 0.5) for levels in found]
        pooled = np.sort(np.concatenate(found))
        thresholds = settings.calibrate(curves).threshold, pooled[int(0.1 * (pooled.size + 1)) - 1]
        for threshold, risks in zip(thresholds, (ours, twin), strict=True):
            risks.append(np.mean(beta.cdf(threshold, (2, 6), 2)))
    assert np.mean(ours) <= 0.1 + 2 * np.std(ours) / math.sqrt(200)
    assert np.mean(twin) > 0.15
