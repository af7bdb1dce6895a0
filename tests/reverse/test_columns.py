from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from blobs import case, labelled

import segqc_conformal as sq
from segqc_conformal.errors import IdentityError, InputError
from segqc_conformal.features.table import one_identity
from segqc_conformal.reverse import OwnSegmenter, with_reverse_features

SHAPE = (12, 10)
REST = labelled(SHAPE)
COPY = OwnSegmenter(lambda image, mask, reference_image: mask, name="copy")
CASES = [case(f"c{number}", REST, mask=REST.labels) for number in range(4)]
REFERENCES = [replace(one, case_id=f"r{one.case_id}", mask=None) for one in CASES[:2]]
ACCURACY = sq.ReverseClassificationAccuracy(REFERENCES, {"left": 1, "right": 2}, COPY)


def feature_table() -> pd.DataFrame:
    rows = pd.MultiIndex.from_product([[f"c{number}" for number in range(4)], ["left", "right"]])
    table = rows.to_frame(index=False, name=["case_id", "structure"])
    return table.assign(
        patient_id="p-" + table["case_id"],
        site="A",
        model_id="m",
        sampler_id="s",
        schema_version="1",
        judged="deployed",
        failed=None,
        dice=0.9,
        feature_volume_ml=1.0,
    )


def test_columns_stand_beside_the_others_and_reference_patients_are_marked() -> None:
    found = with_reverse_features(ACCURACY, feature_table(), CASES[::-1], progress=False)
    assert found.table["case_id"].tolist() == feature_table()["case_id"].tolist()
    assert (found.table["feature_reverse_dice_max"] == 1.0).all()
    assert found.table["feature_reverse_dice_count"].tolist() == [1.0] * 4 + [2.0] * 4
    assert found.table["fit_patient"].tolist() == [True] * 4 + [False] * 4
    assert found.table["failed"].isna().all()
    assert len(found.single) == 2 * (1 + 1 + 2 + 2)
    assert set(found.single["reference_case_id"]) == {"rc0", "rc1"}


def test_patients_marked_before_stay_marked() -> None:
    table = feature_table().assign(fit_patient=feature_table()["case_id"] == "c3")
    found = with_reverse_features(ACCURACY, table, CASES, progress=False).table
    assert set(found.loc[found["fit_patient"], "case_id"]) == {"c0", "c1", "c3"}


def test_a_gate_refuses_features_of_other_references() -> None:
    other = replace(ACCURACY, references=REFERENCES[:1])
    tables = [
        with_reverse_features(one, feature_table(), CASES, progress=False).table
        for one in (ACCURACY, other)
    ]
    with pytest.raises(IdentityError, match="schema_version"):
        one_identity(pd.concat(tables))


def test_reference_patients_never_calibrate() -> None:
    table = with_reverse_features(ACCURACY, feature_table(), CASES, progress=False).table
    with pytest.raises(InputError, match="fit_patients"):
        sq.QualityGate().calibrate(table, fit_patients=["p-c2"])


def test_a_case_that_fails_is_a_row_that_says_why_and_the_rest_goes_on() -> None:
    cases = [
        replace(CASES[0], mask=None),
        replace(CASES[1], patient_id="p-c9"),
        CASES[2],
        case("unknown", REST, mask=REST.labels),
    ]
    table = feature_table()
    table["failed"] = table["failed"].astype(object)
    found = with_reverse_features(ACCURACY, table, cases, progress=False).table
    why = found.drop_duplicates("case_id")["failed"].tolist()
    assert "case c0: expected a judged mask" in why[0]
    assert "case c1: expected patient p-c1" in why[1]
    assert why[2] is None
    assert "case c3: expected the case with its mask" in why[3]
    assert (
        found["feature_reverse_dice_max"].isna().tolist() == [True] * 4 + [False] * 2 + [True] * 2
    )


def test_what_a_segmenter_raises_concerns_its_case_alone() -> None:
    def breaks(image: np.ndarray, mask: np.ndarray, reference_image: np.ndarray) -> np.ndarray:
        if mask.sum() > REST.labels.sum():
            raise MemoryError("no memory")
        return mask

    accuracy = replace(ACCURACY, backend=OwnSegmenter(breaks, name="breaks"))
    cases = [replace(CASES[0], mask=REST.labels + 1), *CASES[1:]]
    found = with_reverse_features(accuracy, feature_table(), cases, progress=False).table
    assert found["failed"].notna().sum() == 2
    assert found["failed"].iloc[0] == "case c0: MemoryError: no memory"


def test_a_structure_that_no_reference_has_is_said() -> None:
    lacking = [replace(one, reference=(REST.labels == 1).astype(int)) for one in REFERENCES]
    accuracy = replace(ACCURACY, references=lacking)
    found = with_reverse_features(accuracy, feature_table(), CASES, progress=False).table
    right = found["structure"] == "right"
    assert found.loc[right, "failed"].str.contains("a reference that has right").all()
    assert found.loc[~right, "failed"].isna().all()


def test_something_else_than_a_case_is_refused() -> None:
    with pytest.raises(InputError, match="Case or CaseFiles"):
        with_reverse_features(ACCURACY, feature_table(), ["c0"], progress=False)  # type: ignore[list-item]
