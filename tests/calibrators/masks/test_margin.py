import math

import numpy as np
import pytest

from segqc_conformal.calibrators.masks.depth import depth_inside, distance_to
from segqc_conformal.calibrators.masks.margin import MaskMargin, inner_margin, outer_margin
from segqc_conformal.calibrators.masks.margin_certificate import MarginCertificate
from segqc_conformal.errors import GeometryError, InputError

SPACING = (0.7, 0.5)


def disc(radius, centre=(10.0, 10.0), side=20):
    y, x = np.indices((side, side))
    return np.hypot((y - centre[0]) * SPACING[0], (x - centre[1]) * SPACING[1]) <= radius


def case_of_the_world(rng):
    """A mask, and a reference of another size and place; hard patients are small."""
    hard = rng.random() < 0.3
    radius = 1.2 if hard else 3.5
    moved = 10 + rng.normal(0, 1.5 if hard else 0.5, 2)
    return disc(radius), disc(max(radius + rng.normal(0, 0.3), 0.6), moved)


@pytest.mark.parametrize("tolerated", [0.0, 0.1, 0.5])
def test_margins_equal_brute_force_over_all_distances(tolerated):
    rng = np.random.default_rng(0)
    for _ in range(60):
        mask, reference = rng.random((6, 7)) < 0.5, rng.random((6, 7)) < 0.6
        mask[:, :2] = False
        to, depth = distance_to(mask, SPACING), depth_inside(mask, SPACING)

        def missed(m, to=to, reference=reference):
            return (to[reference] > m).mean()

        def false(m, depth=depth, reference=reference):
            left = depth > m
            return (~reference[left]).mean() if left.any() else 0.0

        outer = min(m for m in np.unique(to) if missed(m) <= tolerated)
        assert outer_margin(mask, reference, SPACING, tolerated) == pytest.approx(outer, abs=1e-12)
        steps = np.unique(np.r_[0.0, depth.ravel()])
        inner = max((m for m in np.unique(depth) if false(m - 1e-6) > tolerated), default=0.0)
        assert inner_margin(mask, reference, SPACING, tolerated) == pytest.approx(inner, abs=1e-12)
        assert all(false(m) <= tolerated for m in steps if m >= inner)


def test_empty_masks_and_references():
    none, some = np.zeros((3, 3), dtype=bool), np.eye(3, dtype=bool)
    everything = np.ones((3, 3), dtype=bool)
    assert outer_margin(some, none, SPACING) == 0.0
    assert outer_margin(none, some, SPACING) == math.inf
    assert outer_margin(none, none, SPACING) == 0.0
    assert inner_margin(none, some, SPACING) == 0.0
    assert inner_margin(everything, some, SPACING) == math.inf
    assert inner_margin(everything, everything, SPACING) == 0.0


def test_the_certified_masks_enclose_the_reference_of_every_covered_calibration_case():
    rng = np.random.default_rng(1)
    cases = [case_of_the_world(rng) for _ in range(39)]
    masks, references = zip(*cases, strict=True)
    for tolerated in (0.0, 0.2):
        margin = MaskMargin("disc", tolerated=tolerated).calibrate(
            masks, references, [SPACING] * 39
        )
        held = []
        for mask, reference in cases:
            outer, inner = margin.outer(mask, SPACING), margin.inner(mask, SPACING)
            false = (inner & ~reference).sum() / max(inner.sum(), 1)
            missed = (reference & ~outer).sum() / reference.sum()
            held.append(max(missed, false) <= tolerated)
            assert (inner <= mask).all()
            assert (mask <= outer).all()
        assert sum(held) >= 36  # rank ceil(40 * 0.9) of 39


def test_too_few_patients_or_empty_masks_give_no_finite_margin_and_say_so():
    mask, none = disc(2.0), np.zeros((20, 20), dtype=bool)
    for masks in ([mask] * 8, [mask] * 15 + [none] * 4):
        certificate = MaskMargin("disc").calibrate(
            masks, [mask] * len(masks), [SPACING] * len(masks)
        )
        assert certificate.margin_mm is None
        assert certificate.outer(mask, SPACING).all()
        assert not certificate.inner(mask, SPACING).any()
        assert f"from {len(masks)} calibration patients" in certificate.promise
        assert MarginCertificate.from_json(certificate.to_json()) == certificate


def test_a_patient_counts_once_and_cases_are_read_one_by_one():
    rng = np.random.default_rng(2)
    cases = [case_of_the_world(rng) for _ in range(60)]
    patients = np.arange(20).repeat(3)

    def calibrate(cases, patients=None):
        return MaskMargin("disc").calibrate(
            (mask for mask, _ in cases),
            (reference for _, reference in cases),
            (SPACING for _ in cases),
            patients,
        )

    assert calibrate(cases, patients) == calibrate(cases[::3])
    with pytest.raises(InputError, match="60 patients"):
        calibrate(cases, patients[:50])


def test_promises_are_words_and_survive_json():
    masks, references = [disc(2.0)] * 30, [disc(2.6)] * 30
    for side, words in (
        ("outer", "nothing of the disc reference lies outside the mask grown by"),
        ("inner", "nothing of the disc mask shrunk by 0 mm lies outside the reference"),
        ("both", "nothing of the disc reference lies outside the mask grown by"),
    ):
        certificate = MaskMargin("disc", side=side).calibrate(masks, references, [SPACING] * 30)
        assert words in certificate.promise
        assert MarginCertificate.from_json(certificate.to_json()) == certificate
    pac = MaskMargin("disc", confidence=0.9, tolerated=0.05)
    promise = pac.calibrate(masks, references, [SPACING] * 30).promise
    assert "With 90% confidence" in promise
    assert "at most 5% of the disc reference" in promise


def test_the_other_side_of_a_one_sided_margin_is_refused():
    certificate = MaskMargin("disc", side="outer").calibrate([], [], [])
    with pytest.raises(InputError, match="no promise"):
        certificate.inner(disc(1.0), SPACING)


@pytest.mark.parametrize(
    "settings", [{"tolerated": 1.0}, {"side": "left"}, {"miscoverage": 0.0}, {"confidence": 1.0}]
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(InputError):
        MaskMargin("disc", **settings)


def test_a_reference_of_another_shape_names_the_case():
    with pytest.raises(GeometryError, match="case number 1"):
        MaskMargin("disc").calibrate(
            [disc(1.0)] * 2, [disc(1.0), disc(1.0, side=21)], [SPACING] * 2
        )


def test_new_references_are_enclosed_as_promised_and_the_twin_of_voxels_is_caught():
    rng = np.random.default_rng(3)
    enclosed, twin = [], []
    for _ in range(60):
        cases = [case_of_the_world(rng) for _ in range(19)]
        masks, references = zip(*cases, strict=True)
        certificate = MaskMargin("disc").calibrate(masks, references, [SPACING] * 19)
        # the twin: voxels of the references taken for patients
        voxels = [distance_to(mask, SPACING)[reference] for mask, reference in cases]
        pooled = np.sort(np.concatenate(voxels))
        pooled_margin = pooled[math.ceil(0.9 * (pooled.size + 1)) - 1]
        for _ in range(10):
            mask, reference = case_of_the_world(rng)
            outer, inner = certificate.outer(mask, SPACING), certificate.inner(mask, SPACING)
            enclosed.append((inner <= reference).all() and (reference <= outer).all())
            twin.append((distance_to(mask, SPACING)[reference] <= pooled_margin).all())
    # ten new patients share a calibration: the spread of 60 means counts
    spread = np.reshape(enclosed, (60, 10)).mean(axis=1).std() / math.sqrt(60)
    assert np.mean(enclosed) >= 0.9 - 2 * spread
    assert np.mean(enclosed) <= 0.97
    assert np.mean(twin) < 0.9 - 2 * math.sqrt(0.09 / 60)


def test_repeated_cases_of_a_patient_pooled_as_patients_are_caught():
    """Coverage given the calibration varies as with 22 patients, not as with 220 cases."""
    rng = np.random.default_rng(4)
    place = np.arange(-4, 4, 0.01)  # a fine line of voxels, so that margins hardly tie
    mask, spacing = np.abs(place) <= 1, (0.01,)
    settings = MaskMargin("line", side="outer", confidence=0.9)
    ours, twin = [], []
    for _ in range(80):
        grown = np.abs(rng.normal(0, 0.5, 22)).repeat(10) + np.abs(rng.normal(0, 0.02, 220))
        references = [np.abs(place) <= 1 + size for size in grown]
        for patients, held in ((np.arange(22).repeat(10), ours), (None, twin)):
            margin = settings.calibrate([mask] * 220, references, [spacing] * 220, patients)
            assert margin.margin_mm is not None
            new = np.abs(rng.normal(0, 0.5, 4000)) + np.abs(rng.normal(0, 0.02, 4000))
            held.append((new <= margin.margin_mm + 0.01).mean() >= 0.9)
    slack = 2 * math.sqrt(0.09 / 80)
    assert np.mean(ours) >= 0.9 - slack
    assert np.mean(twin) < 0.9 - slack
