"""The demo as files: what a hospital would have, and nothing that gives a promise away."""

from pathlib import Path

import numpy as np
import pytest
import torch

from segqc_conformal.adapters.nifti import read_volume
from segqc_conformal.adapters.torch_export import load_exported_program
from segqc_conformal.demo.cohort import cohort
from segqc_conformal.demo.ensemble import demo_network, demo_predictors
from segqc_conformal.demo.files import write_demo_files
from segqc_conformal.features.case_list import read_case_list
from segqc_conformal.sampling.predictor import Predictor


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files") / "first-day"
    assert write_demo_files(folder, seed=3, labelled=3, new=2, progress=False) == folder
    return folder


def names(folder: Path) -> set[str]:
    return {path.name.split(".")[0] for path in folder.iterdir()}


def test_every_listed_case_has_its_files_and_no_new_one_a_reference_mask(folder: Path) -> None:
    for part in ("", "new_"):
        listed = {case.case_id for case in read_case_list(folder / f"{part}cases.csv")}
        assert names(folder / f"{part}images") == listed
        assert names(folder / f"{part}probabilities") == listed
    assert names(folder / "references") == names(folder / "images")
    assert not (folder / "new_references").exists()


def test_no_patient_is_labelled_and_new(folder: Path) -> None:
    labelled, new = (
        {case.patient_id for case in read_case_list(folder / name)}
        for name in ("cases.csv", "new_cases.csv")
    )
    assert (len(labelled), len(new)) == (3, 2)
    assert not labelled & new


def test_files_hold_the_cohort_and_what_the_ensemble_says_of_it(folder: Path) -> None:
    case = next(cohort(3, 1))
    image = read_volume(folder / "images" / f"{case.case_id}.nii.gz")
    assert np.allclose(image.array, case.image)
    assert np.allclose(image.spacing_mm, case.spacing)
    reference = read_volume(folder / "references" / f"{case.case_id}.nii.gz")
    assert np.array_equal(reference.array, case.reference)
    saved = np.load(folder / "probabilities" / f"{case.case_id}.npz")
    for model, sample in zip(demo_predictors(), saved["probabilities"], strict=True):
        assert np.abs(model(case.channels_first()).numpy() - sample).max() < 1e-3  # half precision


def test_models_take_the_image_as_it_is_stored(folder: Path) -> None:
    case = next(cohort(3, 1))
    image = case.channels_first()
    programs = sorted((folder / "models").iterdir())
    assert len(programs) == len(demo_predictors())
    program = Predictor(load_exported_program(programs[0]), activation="softmax")
    own = demo_predictors()[0]
    assert torch.allclose(program(image), own(image), atol=1e-5)
    network = demo_network()
    network.load_state_dict(torch.load(folder / "network.pt", weights_only=True))
    again = Predictor(network.eval(), activation="softmax", preprocess=own.preprocess)
    assert torch.equal(again(image), own(image))
