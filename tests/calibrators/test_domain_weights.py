import numpy as np
import pytest

from segqc_conformal.calibrators import DiceInterval
from segqc_conformal.calibrators.domain_weights import domain_weights
from segqc_conformal.errors import InputError


def test_the_ratio_of_two_normal_laws_is_recovered() -> None:
    rng = np.random.default_rng(0)
    old, new = rng.normal(0, 1, (3000, 1)), rng.normal(0.7, 1, (1000, 1))
    found = domain_weights(old, new)
    true = np.exp(0.7 * old[:, 0] - 0.245)
    assert np.mean(np.abs(found.calibration - true / true.mean())) < 0.1
    assert found.effective_patients == pytest.approx(3000 / np.exp(0.49), rel=0.1)


def test_without_a_shift_weights_are_nearly_equal() -> None:
    rng = np.random.default_rng(1)
    found = domain_weights(rng.normal(size=(400, 3)), rng.normal(size=(900, 3)))
    assert found.calibration.mean() == pytest.approx(1.0)
    assert found.effective_patients > 380
    assert found.clipped == 0.0


def test_odds_are_clipped_where_the_populations_hardly_meet() -> None:
    rng = np.random.default_rng(2)
    found = domain_weights(rng.normal(0, 1, (200, 1)), rng.normal(8, 1, (200, 1)), largest=10.0)
    both = np.r_[found.calibration, found.new]
    assert both.max() / both.min() == pytest.approx(100.0)
    assert found.clipped > 0.9


def test_cases_of_a_patient_are_judged_by_a_classifier_that_saw_none_of_them() -> None:
    # features that name the patient: within-patient leakage would tell the sets apart
    rng = np.random.default_rng(3)
    old, new = rng.normal(size=(60, 40)), rng.normal(size=(60, 40))
    ids = np.repeat(np.arange(60), 4)
    named = [f"o{i}" for i in ids], [f"n{i}" for i in ids]

    def told_apart(patients: tuple[list[str], list[str]] | tuple[None, None]) -> float:
        found = domain_weights(old[ids], new[ids], *patients, largest=1e6)
        return float(np.median(found.new) / np.median(found.calibration))

    assert told_apart((None, None)) > 3
    assert told_apart(named) < 1.5


def test_estimated_weights_repair_most_of_the_coverage_that_a_shift_takes() -> None:
    rng = np.random.default_rng(4)
    kept, twin = [], []
    for _ in range(10):
        x, new = rng.normal(0, 1, 300), rng.normal(1, 1, 300)
        true, new_true = (0.5 + rng.normal(0, 0.05 * np.exp(0.5 * v)) for v in (x, new))
        true, new_true = np.clip(true, 0, 1), np.clip(new_true, 0, 1)
        weights = domain_weights(x[:, None], new[:, None])
        predicted = np.full(300, 0.5)
        certificate = DiceInterval().calibrate(
            predicted, true, weights=weights.calibration, weights_are="estimated"
        )
        low, high = certificate.interval(predicted, weights=weights.new)
        kept.append(((low <= new_true) & (new_true <= high)).mean())
        low, high = DiceInterval().calibrate(predicted, true).interval(predicted)
        twin.append(((low <= new_true) & (new_true <= high)).mean())
    assert np.mean(kept) > 0.87
    assert np.mean(twin) < 0.81


def test_impossible_inputs_are_refused() -> None:
    x = np.zeros((10, 2))
    with pytest.raises(InputError, match="finite new features"):
        domain_weights(x, np.full((10, 2), np.nan))
    with pytest.raises(InputError, match="calibration features of shape"):
        domain_weights(x[:, 0], x)
    with pytest.raises(InputError, match="2 features"):
        domain_weights(x, x[:, :1])
    with pytest.raises(InputError, match="at least 5 >= 2 patients"):
        domain_weights(x, x, patients=np.arange(10) // 3)
    with pytest.raises(InputError, match=r"patients of shape \(10,\)"):
        domain_weights(x, x, patients=np.arange(9))
    with pytest.raises(InputError, match="largest > 1"):
        domain_weights(x, x, largest=1.0)


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_cases_without_a_patient_are_not_one_patient(missing: object) -> None:
    ids = np.array(["a", "b", "c", "d", "e", "f", missing, missing], dtype=object)
    with pytest.raises(InputError, match="patient"):
        domain_weights(np.zeros((8, 1)), np.zeros((9, 1)), patients=ids)
    with pytest.raises(InputError, match="patient"):
        domain_weights(np.zeros((9, 1)), np.zeros((8, 1)), new_patients=ids)
