"""Row 2, Zou et al. (DEviS, 2025): evidence as belief and vacuity, and data filtered by vacuity."""

import numpy as np
import pandas as pd
import pytest
import torch
from evidential_tissue import image_of, trained
from literature_row import LiteratureRow
from scipy.stats import betabinom

import segqc_conformal as sq
from segqc_conformal.evaluation.probability_error import ece
from segqc_conformal.evaluation.voxel_errors import VoxelErrors
from segqc_conformal.evaluation.voxel_metrics import voxel_metrics

ROW = LiteratureRow(
    system="DEviS",
    paper="Zou et al. (2025), evidential calibrated uncertainty for medical segmentation",
    signal="Dirichlet evidence of one pass: probabilities, belief, vacuity, entropies in closed "
    "form; the calibration error of vacuity; cases filtered by their mean vacuity",
    names=(
        "sampling.evidential.Evidential",
        "uncertainty.accumulator.UncertaintyAccumulator",
        "evaluation.probability_error.ece",
        "one_class.OneClass",
    ),
    asserted="probabilities and mutual information are those of draws from the Dirichlet "
    "distribution, belief and vacuity add up to one, unknown tissue has more vacuity and is "
    "filtered at a bounded false alarm rate",
    reconstruction="the filter's threshold is not in the public code: here a conformal p-value of "
    "the mean vacuity over the case",
    out_of_scope="the training of the segmentation model",
)


def mean_vacuity(structure: sq.JudgedStructure) -> dict[str, float]:
    return {"vacuity": float(structure.maps["vacuity"].mean())}


def features(cases: int, seed: int, known: bool = True) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    images = [image_of(rng, known) for _ in range(cases)]
    names = [f"{seed}-{number}" for number in range(cases)]
    given = [
        sq.Case(image, f"c{name}", f"p{name}", reference=labels, spacing_mm=(1.0, 1.0))
        for name, (image, labels) in zip(names, images, strict=True)
    ]
    schema = sq.FeatureSchema("standard", own=mean_vacuity)
    return sq.extract_features(
        given, trained(), sq.Evidential(), structures={"t": 1}, schema=schema, progress=False
    )


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return features(60, 1), features(40, 2), features(15, 3, known=False)


def filtered(calibration: pd.DataFrame, new: pd.DataFrame) -> float:
    vacuity = sq.OneClass("value", ["feature_own_vacuity"], dice_threshold=None, false_alarm=0.1)
    return float(vacuity.calibrate(calibration).judge(new)["flagged"].mean())


def test_row_02_closed_forms_are_the_moments_of_the_dirichlet_distribution() -> None:
    image, _ = image_of(np.random.default_rng(5))
    (evidence,) = sq.Evidential()(trained(), image)
    accumulator = sq.UncertaintyAccumulator({"t": 1}, channels="evidence")
    accumulator.update(evidence)
    maps = {name: np.asarray(values) for name, values in accumulator.maps().items()}
    torch.manual_seed(0)
    drawn = torch.distributions.Dirichlet(evidence.movedim(0, -1).double() + 1.0).sample((1_000,))
    mean = drawn.mean(dim=0).movedim(-1, 0).numpy()
    assert np.abs(maps["mean_probability"] - mean).max() < 0.05
    entropies = -(drawn * drawn.clamp_min(1e-300).log()).sum(-1).mean(0).numpy()
    assert np.abs(maps["expected_entropy"] - entropies).max() < 0.05
    belief = (evidence / (evidence + 1.0).sum(dim=0)).sum(dim=0).numpy()
    assert np.allclose(belief + maps["vacuity"], 1.0, atol=1e-6)
    assert np.allclose(maps["epkl"], maps["vacuity"] / 2, atol=1e-6)


def test_row_02_unknown_tissue_has_more_vacuity_and_is_filtered(tables) -> None:
    calibration, known, unknown = tables
    vacuity = "feature_own_vacuity"
    assert unknown[vacuity].min() > known[vacuity].max()
    assert filtered(calibration, unknown) == 1.0
    flagged = betabinom(len(known), 6, 55)  # exact law: 0.1 (60 + 1) = 6.1, 61 - 6 = 55
    assert filtered(calibration, known) <= flagged.ppf(0.999) / len(known)


def test_row_02_uncertainty_calibration_error_is_zero_where_vacuity_is_the_error_rate() -> None:
    rng = np.random.default_rng(0)
    vacuity = rng.random(40_000)
    wrong = rng.random(40_000) < vacuity
    assert ece(vacuity, wrong) < 0.015
    assert ece(vacuity / 2, wrong) == pytest.approx(0.25, abs=0.01)
    counted = VoxelErrors(largest=1.0)  # the same, case by case, for any number of voxels
    counted.update(vacuity, 1.0 - vacuity, np.zeros(40_000), wrong)
    assert voxel_metrics(counted)["ece"] == pytest.approx(ece(vacuity, wrong), abs=1e-3)


def test_row_02_twin_vacuity_of_other_cases_filters_nothing(tables) -> None:
    calibration, known, unknown = tables
    pooled = pd.concat([calibration, known, unknown], ignore_index=True)
    vacuity = pooled["feature_own_vacuity"].to_numpy()
    order = np.random.default_rng(0).permutation(len(pooled))
    pooled["feature_own_vacuity"] = vacuity[order]
    kept, last = pooled.iloc[:60], pooled.iloc[100:]
    assert filtered(kept, last) <= betabinom(len(last), 6, 55).ppf(0.999) / len(last)
