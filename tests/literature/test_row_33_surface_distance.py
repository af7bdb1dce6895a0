"""Row 33 (Pandey et al. 2022): uncertainty beside surface distances, where it is no proxy."""

from functools import cache

import numpy as np
import pandas as pd
from literature_row import LiteratureRow

from segqc_conformal.calibrators import DiceInterval
from segqc_conformal.calibrators.usefulness import usefulness
from segqc_conformal.evaluation.surface_distance import rms_surface_distance
from segqc_conformal.quality.regressor import QualityRegressor

ROW = LiteratureRow(
    system="Uncertainty of ultrasound bone surfaces",
    paper="Pandey et al. (2022)",
    signal="RMS surface distance as the target, with a verdict on whether a signal says anything",
    names=(
        "evaluation.surface_distance.rms_surface_distance",
        "calibrators.usefulness.usefulness",
        "calibrators.DiceInterval",
        "quality.regressor.QualityRegressor",
    ),
    asserted="bone of known offset has that distance; a signal of pure noise is called "
    "uninformative and its intervals, no narrower than those without a signal, cover 1 - alpha; a "
    "signal that knows is called informative and narrows them",
)
ALPHA, SIDE, SPACING = 0.1, 32, (0.5, 0.5)
DISTANCE, REPEATS = (0.0, np.inf), 20
# three standard errors of the mean coverage, of 60 calibration and 60 new patients each time
ERROR = 3 * np.sqrt(ALPHA * (1 - ALPHA) * (1 / 60 + 1 / 60) / REPEATS)


def bone(depth: int) -> np.ndarray:
    """Return a bone's echo, one voxel thick, at a depth."""
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[depth] = True
    return mask


@cache
def patients(number: int, seed: int) -> pd.DataFrame:
    """Offset the mask of each bone by its own number of voxels; one signal knows, one is noise."""
    rng, rows = np.random.default_rng(seed), []
    for place in range(number):
        depth, offset = int(rng.integers(6, 14)), int(rng.geometric(0.2))
        far = rms_surface_distance(bone(depth), bone(min(depth + offset, SIDE - 1)), SPACING)
        rows.append((f"p{place}", "bone", far, np.log1p(far) + rng.normal(0.0, 0.1), rng.normal()))
    columns = ["patient_id", "structure", "rms", "knowing", "noise"]
    return pd.DataFrame(rows, columns=columns)


def signal(table: pd.DataFrame, name: str) -> pd.DataFrame:
    return table[["structure"]].assign(feature_signal=table[name])


@cache
def over_repeats(name: str) -> tuple[float, float, float]:
    """Return mean coverage and width of new patients' intervals, and how often it is informative.

    One model, fitted once, is calibrated on other patients again and again.
    """
    fit, found = patients(60, 0), []
    model = QualityRegressor("linear", support=DISTANCE).fit(signal(fit, name), fit["rms"])
    setting = DiceInterval(ALPHA, support=DISTANCE, measure="RMS surface distance")
    for repeat in range(REPEATS):
        calibration, new = patients(60, 2 * repeat + 1), patients(60, 2 * repeat + 2)
        predicted, wanted = (model.predict(signal(part, name)) for part in (calibration, new))
        low, high = setting.calibrate(predicted, calibration["rms"]).interval(wanted)
        assert (low >= 0.0).all()
        inside = (new["rms"] >= low) & (new["rms"] <= high)
        verdict = usefulness(predicted, calibration["rms"])
        assert verdict.informative or verdict.in_words.startswith("Uninformative")
        found.append((inside.mean(), (high - low).mean(), verdict.informative))
    coverage, width, informative = np.mean(found, axis=0)
    return coverage, width, informative


def width_without_a_signal() -> float:
    """Return the mean width of intervals around the median of the fit patients."""
    setting, widths = DiceInterval(ALPHA, support=DISTANCE), []
    middle = np.full(60, patients(60, 0)["rms"].median())
    for repeat in range(REPEATS):
        low, high = setting.calibrate(middle, patients(60, 2 * repeat + 1)["rms"]).interval(middle)
        widths.append(float((high - low).mean()))
    return float(np.mean(widths))


def test_row_33_bone_of_known_offset_has_that_distance() -> None:
    assert rms_surface_distance(bone(6), bone(10), SPACING) == 2.0
    assert rms_surface_distance(bone(6), bone(6), SPACING) == 0.0
    ragged = np.zeros((SIDE, SIDE), dtype=bool)
    ragged[6, : SIDE // 2] = ragged[30, SIDE // 2 :] = True
    assert rms_surface_distance(bone(6), ragged, SPACING) > 4.0


def test_row_33_twin_pure_noise_is_called_useless_and_its_intervals_hold_and_are_wide() -> None:
    coverage, width, informative = over_repeats("noise")
    assert informative < 0.2
    assert coverage > 1 - ALPHA - ERROR
    assert width > 0.95 * width_without_a_signal()


def test_row_33_a_signal_that_knows_is_called_useful_and_narrows_them() -> None:
    coverage, width, informative = over_repeats("knowing")
    assert informative == 1.0
    assert coverage > 1 - ALPHA - ERROR
    assert width < 0.7 * width_without_a_signal()
