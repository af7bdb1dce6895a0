from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
import torch

from segqc_conformal.case import Case
from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.features.extractor import FeatureExtractor
from segqc_conformal.measures.schema import FeatureSchema
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.single_pass import SinglePass

LOGITS = np.array([[4.0, 4.0, -4.0, -4.0], [-4.0, -4.0, 4.0, -4.0]])
PREDICTOR = Predictor(
    lambda x: torch.cat([torch.zeros_like(x[:, :1]), x], dim=1), model_id="identity"
)
STRUCTURES = {"a": 1, "b": 2}
EXTRACTOR = FeatureExtractor(PREDICTOR, SinglePass(), STRUCTURES)


def case(**known) -> Case:
    return Case(LOGITS, case_id="c17", patient_id="p9", spacing_mm=(2.0,), **known)


def test_fused_mask_is_judged_without_a_deployed_mask():
    uncertainty, mask, judged = EXTRACTOR.accumulate(case())
    assert (mask.tolist(), judged, uncertainty.samples) == ([1, 1, 2, 0], "fused", 1)


def test_deployed_mask_is_judged_as_it_is():
    deployed = np.array([1, 0, 0, 0])
    extractor = FeatureExtractor(PREDICTOR, SinglePass(), STRUCTURES, lambda m: m * 0)
    accumulated = extractor.accumulate(case(mask=deployed))
    assert (accumulated.mask.tolist(), accumulated.judged) == ([1, 0, 0, 0], "deployed")


def test_postprocess_changes_the_fused_mask_and_what_is_said_of_it():
    def erase_b(label_map):
        return np.where(label_map == 2, 0, label_map).astype(np.uint8)

    reference = np.array([1, 1, 2, 0])
    extractor = FeatureExtractor(PREDICTOR, SinglePass(), STRUCTURES, erase_b)
    known = case(reference=reference)
    rows = extractor.rows(known, extractor.accumulate(known))
    assert [row["dice"] for row in rows] == [1.0, 0.0]
    assert [row["feature_volume_ml"] for row in rows] == [0.004, 0.0]


@pytest.mark.parametrize(
    ("result", "error"), [(np.zeros(3, int), GeometryError), (np.zeros(4), InputError)]
)
def test_postprocess_that_returns_no_label_map_is_refused_naming_the_case(result, error):
    with pytest.raises(error, match=r"case c17: expected a label map of .* from postprocess"):
        FeatureExtractor(PREDICTOR, SinglePass(), STRUCTURES, lambda mask: result).accumulate(
            case()
        )


def test_rows_carry_ids_identity_and_time_in_utc():
    local = datetime(2026, 11, 23, 9, 0, tzinfo=timezone(timedelta(hours=1)))
    known = case(time=local)
    row = EXTRACTOR.rows(known, EXTRACTOR.accumulate(known))[1]
    ids = ["case_id", "patient_id", "structure", "site", "model_id", "sampler_id", "judged"]
    assert [row[name] for name in ids] == [
        "c17",
        "p9",
        "b",
        "unknown",
        "identity",
        "SinglePass",
        "fused",
    ]
    assert row["time"] == "2026-11-23T08:00:00+00:00"
    assert row["dice"] is None
    naive = EXTRACTOR.failed_rows(case(time=datetime(2026, 11, 23, 8)), "why")[0]
    assert naive["time"] == row["time"]


def test_failed_rows_have_the_columns_of_good_rows():
    good = EXTRACTOR.rows(case(), EXTRACTOR.accumulate(case()))
    bad = EXTRACTOR.failed_rows(case(), "why")
    assert [list(row) for row in bad] == [list(row) for row in good]
    assert {row["failed"] for row in bad} == {"why"}


@pytest.mark.parametrize("name", ["mask", "reference"])
def test_labels_that_are_no_structure_are_refused_instead_of_dice_0(name: str) -> None:
    model = Predictor(lambda x: x, activation="sigmoid", model_id="identity")
    case = Case(np.array([-4.0, 4.0]), case_id="c17", patient_id="p9", **{name: np.array([0, 255])})
    extractor = FeatureExtractor(model, SinglePass(), {"lesion": 1})
    accumulated = extractor.accumulate(case)
    with pytest.raises(InputError, match=r"c17: expected a .*mask with labels \[1\].*\[255\]"):
        extractor.rows(case, accumulated)


REGIONS = Predictor(lambda x: x, activation="sigmoid", model_id="identity")
NESTED = {"whole": 1, "core": 2}


def test_overlapping_regions_are_judged_as_a_stack():
    reference = np.array([[1, 1, 1, 0], [0, 0, 1, 0]])
    known = Case(
        LOGITS[::-1] + np.array([[0, 0, 8, 0], [0, 0, 0, 0]])[::-1],
        case_id="c17",
        patient_id="p9",
        spacing_mm=(2.0,),
        reference=reference[::-1],
    )
    extractor = FeatureExtractor(REGIONS, SinglePass(), NESTED)
    accumulated = extractor.accumulate(known)
    assert accumulated.mask.tolist() == [[0, 0, 1, 0], [1, 1, 1, 0]]
    assert [row["dice"] for row in extractor.rows(known, accumulated)] == [1.0, 1.0]


def test_a_label_map_as_reference_of_overlapping_regions_is_refused():
    known = case(reference=np.array([1, 1, 2, 0]))
    extractor = FeatureExtractor(REGIONS, SinglePass(), NESTED)
    with pytest.raises(GeometryError, match=r"c17: .*reference mask .*\(2, 4\).*as a stack"):
        extractor.rows(known, extractor.accumulate(known))


def test_elements_with_weights_have_weighted_dice_and_volume():
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    known = Case(
        LOGITS, case_id="c17", patient_id="p9", element_weights=weights, mask=np.array([1, 1, 2, 0])
    )
    rows = EXTRACTOR.rows(known, EXTRACTOR.accumulate(known))
    assert [row["feature_volume_ml"] for row in rows] == [0.003, 0.003]
    assert "feature_sphericity" not in rows[0]


def test_an_own_feature_function_adds_columns_and_names_itself_in_the_version():
    def brightest(structure):
        return {"brightest": float(structure.image.max())}

    extractor = FeatureExtractor(
        PREDICTOR, SinglePass(), STRUCTURES, schema=FeatureSchema(own=brightest)
    )
    row = extractor.rows(case(), extractor.accumulate(case()))[0]
    assert row["feature_own_brightest"] == 4.0
    assert row["schema_version"].startswith("standard-1+own:")
    assert row["schema_version"].endswith("brightest")


def test_features_that_cannot_be_measured_are_refused_naming_the_case():
    extractor = FeatureExtractor(
        PREDICTOR, SinglePass(), STRUCTURES, schema=FeatureSchema(own=nothing_known)
    )
    accumulated = extractor.accumulate(case())
    with pytest.raises(InputError, match="case c17: expected a finite number"):
        extractor.rows(case(), accumulated)


def nothing_known(structure):
    return {"nothing": float("nan")}


def test_a_schema_given_as_text_is_refused_with_the_way_to_write_it():
    with pytest.raises(InputError, match=r"FeatureSchema\('full'\)"):
        FeatureExtractor(PREDICTOR, SinglePass(), STRUCTURES, schema="full")


def test_a_failed_case_of_elements_does_not_empty_the_columns_of_the_others():
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    known = Case(LOGITS, case_id="c17", patient_id="p9", element_weights=weights)
    good = EXTRACTOR.rows(known, EXTRACTOR.accumulate(known))
    assert EXTRACTOR.failed_rows(known, "why")[0].keys() == good[0].keys()
