"""Row 31 (Vidanes et al. 2025): the same uncertainties on faces of a CAD model, by their area."""

import numpy as np
import pytest
from literature_row import LiteratureRow

import segqc_conformal as sq

ROW = LiteratureRow(
    system="Segmentation of CAD models",
    paper="Vidanes et al. (2025)",
    signal="agreement and mean uncertainty over faces of a model, weighted by area",
    names=("uncertainty.accumulator.UncertaintyAccumulator", "case.Case"),
    asserted="cutting faces into pieces of the same area in all changes no feature, no order of "
    "the faces matters, and a table is made of them without any grid",
    out_of_scope="edges between faces: the features read no neighbours, and those that need a grid "
    "are left out.",
)
FACES, SAMPLES = 40, 6
SCHEMA = sq.FeatureSchema("full")


def model(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return samples of three classes, (samples, faces, classes), and the area of each face."""
    rng = np.random.default_rng(seed)
    logits = 2.0 * rng.normal(size=(1, FACES, 3)) + rng.normal(size=(SAMPLES, FACES, 3))
    odds = np.exp(logits)
    return odds / odds.sum(axis=-1, keepdims=True), rng.uniform(0.2, 5.0, FACES)


def features(samples: np.ndarray, areas: np.ndarray) -> dict[str, dict[str, float]]:
    structures = {"hole": 1, "fillet": 2}
    accumulator = sq.UncertaintyAccumulator(structures, schema=SCHEMA, element_weights=areas)
    for sample in samples:
        accumulator.update(sample)
    return accumulator.features()


def cut(samples: np.ndarray, areas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut every face into one to four pieces of its labels."""
    pieces = np.random.default_rng(1).integers(1, 5, FACES)
    return samples.repeat(pieces, axis=1), (areas / pieces).repeat(pieces)


def same(found: dict[str, dict[str, float]], other: dict[str, dict[str, float]]) -> bool:
    """Say whether all features agree."""
    return all(found[name] == pytest.approx(other[name], rel=1e-5, abs=1e-7) for name in found)


def test_row_31_faces_cut_into_pieces_measure_the_same() -> None:
    samples, areas = model()
    found = features(samples, areas)
    assert set(found["hole"]) == set(SCHEMA.element_names)
    assert {"pairwise_dice", "volume_cv", "mutual_information"} <= set(found["hole"])
    assert same(found, features(*cut(samples, areas)))


def test_row_31_the_order_of_the_faces_does_not_matter() -> None:
    samples, areas = model()
    order = np.random.default_rng(2).permutation(FACES)
    assert same(features(samples, areas), features(samples[:, order], areas[order]))


def test_row_31_twin_areas_of_other_faces_or_none_measure_something_else() -> None:
    samples, areas = model()
    order = np.random.default_rng(2).permutation(FACES)
    assert not same(features(samples, areas), features(samples, areas[order]))
    pieces, _ = cut(samples, areas)
    assert not same(features(samples, np.ones(FACES)), features(pieces, np.ones(pieces.shape[1])))


def test_row_31_a_table_is_made_of_models_of_any_number_of_faces() -> None:
    rng, cases = np.random.default_rng(3), []
    for number, faces in enumerate((5, 17, 30)):
        ids = {"case_id": f"c{number}", "patient_id": f"p{number}"}
        areas, reference = rng.uniform(0.2, 5.0, faces), rng.integers(0, 2, faces)
        image = (reference + rng.normal(0.0, 0.1, faces))[None]
        cases.append(sq.Case(image, reference=reference, element_weights=areas, **ids))
    predictor = sq.Predictor(_threshold, activation="none", model_id="threshold")
    settings = {"structures": {"hole": 1}, "progress": False}
    table = sq.extract_features(cases, predictor, sq.SinglePass(), **settings)
    assert (table["dice"] == 1.0).all()
    holes = [case.element_weights[case.reference == 1].sum() for case in cases]
    assert table["feature_volume_ml"].tolist() == pytest.approx([area / 1000.0 for area in holes])


def _threshold(faces: object) -> object:
    inside = (faces > 0.5).float()
    return np.concatenate([1.0 - inside, inside], axis=1)
