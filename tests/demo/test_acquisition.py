"""The demo's scanners and their faults."""

from collections import Counter

import numpy as np
import pytest
from scipy.stats import binomtest

from segqc_conformal.demo.acquisition import FAULTS, SCANNERS, Fault, acquire, draw_fault
from segqc_conformal.demo.anatomy import draw_anatomy

NORTH = SCANNERS["north", "original"]


def taken(kind="none", severity=0.0, scanner=NORTH, seed=5):
    anatomy = draw_anatomy(np.random.default_rng(7))
    return acquire(anatomy, scanner, Fault(kind, severity), np.random.default_rng(seed))


def high_frequency_share(image):
    power = np.abs(np.fft.rfftn(image - image.mean())) ** 2
    along_z = np.fft.rfftfreq(image.shape[2])
    return power[:, :, along_z > 0.25].sum() / power.sum()


def test_image_is_a_finite_magnitude_in_single_precision():
    image, _ = taken()

    assert image.dtype == np.float32
    assert np.isfinite(image).all()
    assert image.min() >= 0


@pytest.mark.parametrize("kind", FAULTS[1:])
def test_a_worse_fault_changes_the_image_more(kind):
    clean, _ = taken()
    distances = []
    for severity in (0.2, 0.9):
        image, _ = taken(kind, severity)
        distances.append(1 - np.corrcoef(clean.ravel(), image.ravel())[0, 1])

    assert 0 < distances[0] < distances[1]


def test_low_resolution_loses_detail_across_slices():
    assert high_frequency_share(taken("low_resolution", 0.9)[0]) < high_frequency_share(taken()[0])


def test_noise_in_an_empty_background_is_rician():
    # Without signal the magnitude is Rayleigh distributed: mean / sd = sqrt(pi / (4 - pi)).
    anatomy = draw_anatomy(np.random.default_rng(7))
    anatomy.tissues[:] = 0
    image, _ = acquire(anatomy, NORTH, Fault("none", 0.0), np.random.default_rng(5))

    assert image.mean() / image.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.02)


@pytest.mark.parametrize("severity", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(6))
def test_cropping_blanks_slices_and_keeps_both_structures_in_the_reference(severity, seed):
    image, reference = taken("cropped", severity, seed=seed)
    blank = (image == 0).all(axis=(0, 2))

    assert blank.any()
    assert not reference[:, blank].any()
    assert set(np.unique(reference)) == {0, 1, 2}


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind != "cropped"])
def test_other_faults_leave_the_reference_alone(kind):
    assert np.array_equal(taken(kind, 0.8)[1], taken()[1])


def test_faults_are_drawn_at_their_stated_rates():
    rng = np.random.default_rng(0)
    counts = Counter(draw_fault(rng).kind for _ in range(4000))
    rates = dict(zip(FAULTS, [0.75, 0.06, 0.06, 0.05, 0.05, 0.03], strict=True))

    assert all(binomtest(counts[kind], 4000, rate).pvalue > 1e-4 for kind, rate in rates.items())


def test_the_replaced_scanner_blurs_and_turns_the_contrast_of_the_pair_around():
    for site in ("north", "south", "east"):
        old, new = SCANNERS[site, "original"], SCANNERS[site, "replaced"]
        assert old.signal[3] < old.signal[4]
        assert new.signal[3] > new.signal[4]
        assert new.blur_mm > old.blur_mm
