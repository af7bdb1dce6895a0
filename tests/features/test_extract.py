import math

import numpy as np
import pandas as pd
import pytest
import torch
from monai.networks.nets import UNet
from torch import nn

from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.case import Case
from segqc_conformal.errors import InputError, SamplingError
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.features.extract import extract_features
from segqc_conformal.features.table import feature_columns, row_faults
from segqc_conformal.sampling.deep_ensemble import DeepEnsemble
from segqc_conformal.sampling.mc_dropout import MCDropout
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.single_pass import SinglePass
from segqc_conformal.sampling.stored_samples import StoredSamples

STRUCTURES = {"a": 1, "b": 2}
SHAPE = (8, 8, 8)


class CountingUNet(nn.Module):
    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.unet = UNet(3, 1, 3, channels=(4, 8), strides=(2,), num_res_units=1, dropout=0.3)
        self.calls = 0

    def forward(self, batch):
        self.calls += 1
        return self.unet(batch) * 5


def case(number: int, **known) -> Case:
    rng = np.random.default_rng(number)
    facts = {
        "image": rng.normal(size=SHAPE),
        "case_id": f"c{number}",
        "patient_id": f"p{number}",
        "site": "A",
        "reference": rng.integers(0, 3, SHAPE),
    }
    return Case(**(facts | known))


def extract(cases, predictor, sampler=None, **options) -> pd.DataFrame:
    options = {"structures": STRUCTURES, "progress": False} | options
    return extract_features(cases, predictor, sampler or MCDropout(samples=3), **options)


def test_every_case_gives_one_finite_row_per_structure():
    table = extract([case(1), case(2, reference=None)], Predictor(CountingUNet()))
    assert table["structure"].tolist() == ["a", "b"] * 2
    assert table["dice"].notna().tolist() == [True, True, False, False]
    assert np.isfinite(table[feature_columns(table)].to_numpy()).all()
    assert (row_faults(table) == "").all()
    assert table["sampler_id"].unique().tolist() == ["MCDropout(samples=3, seed=0)"]


def test_cases_do_not_influence_each_other():
    predictor = Predictor(CountingUNet())
    together = extract([case(1), case(2), case(3)], predictor)
    alone = extract([case(3)], predictor)
    pd.testing.assert_frame_equal(together.iloc[4:].reset_index(drop=True), alone)


def test_failing_cases_become_rows_that_say_why_and_the_batch_goes_on(tmp_path):
    wrong_shape = case(3, image=np.zeros((3, 3, 3)), reference=None)  # no multiple of the stride
    truncated = tmp_path / "broken.nii.gz"
    write_volume(truncated, np.ones(SHAPE, np.float32), np.eye(4))
    truncated.write_bytes(truncated.read_bytes()[:60])
    cases = [case(1), wrong_shape, CaseFiles("c4", "p4", "A", truncated), case(5)]
    table = extract(cases, Predictor(CountingUNet()))
    failed = table.drop_duplicates("case_id").set_index("case_id")["failed"]
    assert failed[["c1", "c5"]].isna().all()
    assert failed["c3"].startswith("case c3: expected probabilities of the image's shape (3, 3, 3)")
    assert failed["c4"].startswith("case c4: expected a readable NIfTI file in broken.nii.gz")
    broken = table[table["case_id"].isin(["c3", "c4"])]
    assert broken[feature_columns(table)].isna().all(axis=None)
    assert len(table) == 8


def test_a_batch_in_which_all_cases_fail_still_has_the_columns():
    def broken(batch):
        raise ValueError("no\n  output")

    table = extract([case(1)], Predictor(broken, model_id="broken"), SinglePass())
    assert table["failed"].tolist() == ["case c1: ValueError: no output"] * 2
    assert len(feature_columns(table)) > 15


def test_a_case_id_that_comes_again_is_a_failed_row():
    table = extract([case(1), case(2), case(1)], Predictor(CountingUNet()))
    assert table["failed"].isna().tolist() == [True] * 4 + [False] * 2
    assert "case c1: expected one case per case_id" in table["failed"].iloc[-1]


def test_deployed_and_fused_masks_are_marked_per_row():
    deployed = np.random.default_rng(0).integers(0, 3, SHAPE)
    table = extract([case(1), case(2, mask=deployed)], Predictor(CountingUNet()))
    assert table["judged"].tolist() == ["fused"] * 2 + ["deployed"] * 2
    expected = [np.count_nonzero(deployed == label) / 1000 for label in (1, 2)]
    assert table["feature_volume_ml"].tolist()[2:] == expected


def test_resumed_run_computes_only_what_is_missing_and_gives_the_same_table(tmp_path):
    model = CountingUNet()
    cases = [case(number) for number in range(3)]
    extract(cases[:2], Predictor(model), resume_folder=tmp_path)
    assert model.calls == 6
    resumed = extract(cases, Predictor(model), resume_folder=tmp_path)
    assert model.calls == 9
    pd.testing.assert_frame_equal(resumed, extract(cases, Predictor(model)))


def test_resume_after_an_interruption_in_the_middle(tmp_path):
    model = CountingUNet()

    def interrupted():
        yield case(0)
        yield case(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(interrupted(), Predictor(model), resume_folder=tmp_path)
    model.calls = 0
    extract([case(number) for number in range(3)], Predictor(model), resume_folder=tmp_path)
    assert model.calls == 3


def test_failed_cases_are_tried_again_on_resume(tmp_path):
    path = tmp_path / "late.nii.gz"
    files = CaseFiles("c1", "p1", "A", path)
    predictor = Predictor(CountingUNet())
    assert extract([files], predictor, resume_folder=tmp_path / "r")["failed"].notna().all()
    write_volume(path, np.random.default_rng(0).normal(size=SHAPE), np.eye(4))
    assert extract([files], predictor, resume_folder=tmp_path / "r")["failed"].isna().all()


def test_another_model_is_not_resumed(tmp_path):
    extract([case(1)], Predictor(CountingUNet(0)), resume_folder=tmp_path)
    other = CountingUNet(1)
    extract([case(1)], Predictor(other), resume_folder=tmp_path)
    assert other.calls == 3


def test_a_sampler_that_cannot_work_with_the_model_stops_at_once():
    with pytest.raises(SamplingError, match="active dropout layer"):
        extract([case(1)], Predictor(nn.Conv3d(1, 3, 1)))
    with pytest.raises(SamplingError, match="a Predictor for SinglePass"):
        extract([case(1)], None, SinglePass())


def test_no_case_and_no_case_at_all_are_refused():
    with pytest.raises(InputError, match="at least one case"):
        extract([], Predictor(CountingUNet()))
    with pytest.raises(InputError, match="cases as Case or CaseFiles; received ndarray"):
        extract([np.zeros(SHAPE)], Predictor(CountingUNet()))


def test_ensemble_and_its_stored_samples_give_the_same_features(tmp_path):
    members = [Predictor(CountingUNet(seed)) for seed in range(3)]
    live = extract([case(1)], None, DeepEnsemble(members))
    samples = list(DeepEnsemble(members)(None, case(1).channels_first()))
    np.savez(tmp_path / "c1.npz", probabilities=np.stack([s.numpy() for s in samples]))
    stored = extract([case(1)], None, StoredSamples({"c1": tmp_path / "c1.npz"}, model_id="m"))
    features = feature_columns(live)
    pd.testing.assert_frame_equal(live[features], stored[features], check_exact=True)


def test_extraction_leaves_the_callers_random_state(capsys):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    predictor = Predictor(CountingUNet())
    torch.set_rng_state(before)
    extract([case(1)], predictor, progress=True)
    assert torch.equal(torch.get_rng_state(), before)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "extract" in captured.err


def test_dice_of_a_perfect_and_an_absent_structure():
    image = np.stack([np.full((4, 4), 9.0), np.zeros((4, 4))])
    image[:, :, 2:] = image[::-1, :, 2:]
    predictor = Predictor(lambda x: x, model_id="identity")
    reference = np.zeros((4, 4), int)
    reference[:, 2:] = 1
    known = {"image": image, "reference": reference, "spacing_mm": (1.0, 1.0)}
    table = extract([case(1, **known)], predictor, SinglePass(), structures={"right": 1})
    assert table["dice"].tolist() == [1.0]
    absent = known | {"reference": np.zeros((4, 4), int)}
    table = extract([case(1, **absent)], predictor, SinglePass(), structures={"right": 1})
    assert table["dice"].tolist() == [0.0]
    assert math.isclose(table["feature_volume_ml"][0], 0.008)
