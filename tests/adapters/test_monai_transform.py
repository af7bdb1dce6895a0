import numpy as np
import pandas as pd
import pytest
import torch
from judged_slices import case, data, judge_of, network
from monai.data import DataLoader, Dataset, MetaTensor
from monai.transforms import Compose, Lambdad

from segqc_conformal.adapters.monai_transform import JudgeSegmentationd
from segqc_conformal.case import Case
from segqc_conformal.errors import GeometryError, InputError


@pytest.fixture(scope="module")
def fused():
    return judge_of(network(), "fused")


def alone(number: int) -> Case:
    """Return a new case as the judge would get it without MONAI."""
    known = case(number, "fused")
    return Case(known.image, "c77", "p9", "B", spacing_mm=known.spacing_mm)


def test_features_and_verdict_are_those_of_the_judge_alone(fused):
    given = data(77, patient_id="p9", site="B")
    added = JudgeSegmentationd("image", fused)(given)
    expected = fused(alone(77))
    assert list(added["image_verdict"]) == ["inner", "outer", "whole_case"]
    whole = expected.rows.iloc[-1]
    for name, value in added["image_verdict"]["whole_case"].items():
        assert value == whole[name], name
    inner = expected.features.set_index("structure").loc["inner"]
    assert added["image_features"]["inner"] == {
        name.removeprefix("feature_"): value
        for name, value in inner.items()
        if name.startswith("feature_")
    }
    assert added.keys() - given.keys() == {"image_verdict", "image_features"}
    assert added["image"] is given["image"]


def test_ids_come_from_the_data_else_from_the_file(fused):
    transform = JudgeSegmentationd("image", fused)
    ((_, (named,)), (_, (of_file,))) = (
        transform.with_verdicts(data(1, case_id="x", patient_id="p", site="B")),
        transform.with_verdicts(data(1)),
    )
    ids = ["case_id", "patient_id", "site"]
    assert named.rows[ids].drop_duplicates().to_numpy().tolist() == [["x", "p", "B"]]
    assert of_file.rows[ids].drop_duplicates().to_numpy().tolist() == [["c1", "c1", "unknown"]]
    with pytest.raises(InputError, match="a case id beside 'image'"):
        transform({"image": torch.zeros(1, 8, 8)})


def test_a_deployed_mask_is_judged_and_its_shape_checked(judge):
    transform = JudgeSegmentationd("image", judge, mask_key="pred")
    deployed = case(5, "deployed")
    _, (verdict,) = transform.with_verdicts(data(5, pred=MetaTensor(deployed.mask[None])))
    np.testing.assert_array_equal(verdict.mask, deployed.mask)
    pd.testing.assert_frame_equal(
        verdict.rows.drop(columns=["patient_id", "site"]),
        judge(deployed).rows.drop(columns=["patient_id", "site"]),
    )
    with pytest.raises(GeometryError, match="case c5: expected a mask of the image's"):
        transform(data(5, pred=torch.zeros(1, 4, 4)))


def test_it_works_in_a_pipeline_and_its_results_can_be_collated(fused):
    pipeline = Compose(
        [Lambdad("image", lambda image: image * 1.0), JudgeSegmentationd("image", fused)]
    )
    (batch,) = DataLoader(Dataset([data(1), data(2)], pipeline), batch_size=2)
    whole = batch["image_verdict"]["whole_case"]
    assert whole["accept"].shape == (2,)
    assert len(whole["reason"]) == 2


def test_a_missing_key_is_an_error_unless_allowed(fused):
    given = {"other": 1}
    with pytest.raises(KeyError, match="image"):
        JudgeSegmentationd("image", fused)(given)
    assert JudgeSegmentationd("image", fused, allow_missing_keys=True)(given) == given
