from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
import torch

from segqc_conformal.case import Case
from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.features.case_features import (
    accumulate_case,
    case_rows,
    failed_rows,
    row_identity,
)
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.single_pass import SinglePass

LOGITS = np.array([[4.0, 4.0, -4.0, -4.0], [-4.0, -4.0, 4.0, -4.0]])
PREDICTOR = Predictor(
    lambda x: torch.cat([torch.zeros_like(x[:, :1]), x], dim=1), model_id="identity"
)
STRUCTURES = {"a": 1, "b": 2}


def case(**known) -> Case:
    return Case(LOGITS, case_id="c17", patient_id="p9", spacing_mm=(2.0,), **known)


def test_fused_mask_is_judged_without_a_deployed_mask():
    uncertainty, mask, judged = accumulate_case(case(), PREDICTOR, SinglePass(), STRUCTURES)
    assert (mask.tolist(), judged, uncertainty.samples) == ([1, 1, 2, 0], "fused", 1)


def test_deployed_mask_is_judged_as_it_is():
    deployed = np.array([1, 0, 0, 0])
    accumulated = accumulate_case(
        case(mask=deployed), PREDICTOR, SinglePass(), STRUCTURES, postprocess=lambda m: m * 0
    )
    assert (accumulated.mask.tolist(), accumulated.judged) == ([1, 0, 0, 0], "deployed")


def test_postprocess_changes_the_fused_mask_and_what_is_said_of_it():
    def erase_b(label_map):
        return np.where(label_map == 2, 0, label_map).astype(np.uint8)

    reference = np.array([1, 1, 2, 0])
    accumulated = accumulate_case(
        case(reference=reference), PREDICTOR, SinglePass(), STRUCTURES, erase_b
    )
    rows = case_rows(
        case(reference=reference), accumulated, STRUCTURES, row_identity(PREDICTOR, SinglePass())
    )
    assert [row["dice"] for row in rows] == [1.0, 0.0]
    assert [row["feature_volume_ml"] for row in rows] == [0.004, 0.0]


@pytest.mark.parametrize(
    ("result", "error"), [(np.zeros(3, int), GeometryError), (np.zeros(4), InputError)]
)
def test_postprocess_that_returns_no_label_map_is_refused_naming_the_case(result, error):
    with pytest.raises(error, match=r"case c17: expected a label map of .* from postprocess"):
        accumulate_case(case(), PREDICTOR, SinglePass(), STRUCTURES, lambda mask: result)


def test_rows_carry_ids_identity_and_time_in_utc():
    local = datetime(2026, 11, 23, 9, 0, tzinfo=timezone(timedelta(hours=1)))
    identity = row_identity(PREDICTOR, SinglePass())
    accumulated = accumulate_case(case(time=local), PREDICTOR, SinglePass(), STRUCTURES)
    row = case_rows(case(time=local), accumulated, STRUCTURES, identity)[1]
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
    naive = failed_rows(case(time=datetime(2026, 11, 23, 8)), "why", STRUCTURES, identity)[0]
    assert naive["time"] == row["time"]


def test_failed_rows_have_the_columns_of_good_rows():
    identity = row_identity(PREDICTOR, SinglePass())
    accumulated = accumulate_case(case(), PREDICTOR, SinglePass(), STRUCTURES)
    good = case_rows(case(), accumulated, STRUCTURES, identity)
    bad = failed_rows(case(), "why", STRUCTURES, identity)
    assert [list(row) for row in bad] == [list(row) for row in good]
    assert {row["failed"] for row in bad} == {"why"}


@pytest.mark.parametrize("name", ["mask", "reference"])
def test_labels_that_are_no_structure_are_refused_instead_of_dice_0(name: str) -> None:
    model = Predictor(lambda x: x, activation="sigmoid", model_id="identity")
    case = Case(np.array([-4.0, 4.0]), case_id="c17", patient_id="p9", **{name: np.array([0, 255])})
    accumulated = accumulate_case(case, model, SinglePass(), {"lesion": 1})
    with pytest.raises(InputError, match=r"c17: expected a .*mask with labels \[1\].*\[255\]"):
        case_rows(case, accumulated, {"lesion": 1}, row_identity(model, SinglePass()))
