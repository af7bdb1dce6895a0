"""Each mistake of a model is found, and a sound model gives no complaint."""

import numpy as np
import pytest
import torch
from torch import nn

from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.case import Case
from segqc_conformal.doctor.diagnosis import diagnose
from segqc_conformal.doctor.model import missing_dropout, training_export
from segqc_conformal.doctor.model_output import failing_model
from segqc_conformal.doctor.subjects import Subjects

SHAPE = (4, 5)
STRUCTURES = {"near": 1, "far": 2}
CASE = Case(
    np.random.default_rng(0).normal(size=SHAPE).astype(np.float32), case_id="c1", patient_id="p1"
)


def network(*layers):
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(1, 3, 1), *layers)


class FunctionalDropout(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 3, 1)

    def forward(self, image):
        return nn.functional.dropout(self.first(image), 0.5, training=True)


class DropoutBesideTheOutput(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.drop = nn.Conv2d(1, 3, 1), nn.Dropout(0.5)

    def forward(self, image):
        self.drop(image)
        return self.first(image)


def said(model, tmp_path, **more):
    """Return levels and messages about a model and about its run on one image."""
    (tmp_path / "images").mkdir(exist_ok=True)
    write_volume(tmp_path / "images" / "c1.nii.gz", CASE.image, np.eye(4))
    models = model if isinstance(model, list) else [model]
    subjects = Subjects(images=tmp_path / "images", models=models, structures=STRUCTURES, **more)
    kinds = ("model", "dropout", "ensemble", "model on c1")
    return [(found.level, found.message) for found in diagnose(subjects) if found.subject in kinds]


def wrong(model, tmp_path, **more):
    return [(level, message) for level, message in said(model, tmp_path, **more) if level != "ok"]


def test_a_sound_model_gives_no_complaint_and_is_left_as_found(tmp_path):
    model = network(nn.Dropout(0.2)).train()
    findings = said(model, tmp_path)
    assert [level for level, _ in findings] == ["ok"] * 3
    assert findings[1][1] == "1 active layers: MCDropout can draw samples"
    assert findings[2][1] == "(1, 4, 5) -> (3, 4, 5)"
    assert model.training


@pytest.mark.parametrize(
    ("layers", "received"),
    [
        ((), "received no dropout layer"),
        ((nn.Dropout2d(0.0), nn.Dropout(0.0)), "received 2 dropout layers, all with p = 0"),
    ],
)
def test_dropout_that_cannot_draw_samples_is_a_warning(layers, received):
    found = missing_dropout(network(*layers))
    assert found.level == "warning"
    assert received in found.message


def test_dropout_that_does_not_reach_the_output_is_a_problem(tmp_path):
    ((level, message),) = wrong(DropoutBesideTheOutput(), tmp_path)
    assert level == "problem"
    assert "received 2 identical samples" in message


def test_a_model_that_is_random_in_evaluation_mode_is_a_problem(tmp_path):
    problems = [
        message for level, message in wrong(FunctionalDropout(), tmp_path) if level == "problem"
    ]
    assert len(problems) == 1
    assert "functional.dropout(training=True)" in problems[0]


@pytest.mark.parametrize(
    ("last", "activation", "level", "remedy"),
    [
        (nn.Softmax(1), "softmax", "problem", "say activation none: the softmax would be applied"),
        (nn.Sigmoid(), "sigmoid", "warning", "say activation none: the sigmoid would be applied"),
        (nn.Identity(), "none", "problem", "say activation softmax"),
    ],
)
def test_an_activation_that_does_not_fit_the_output_is_told(
    tmp_path, last, activation, level, remedy
):
    model = network(nn.Dropout(0.1), last)
    ((found, message),) = wrong(model, tmp_path, activation=activation)
    assert found == level
    assert remedy in message
    fitting = "none" if activation != "none" else "softmax"
    assert wrong(model, tmp_path, activation=fitting) == []


def test_members_of_the_same_weights_are_a_problem(tmp_path):
    torch.manual_seed(9)
    third = nn.Sequential(nn.Conv2d(1, 3, 1), nn.Identity())
    ((level, message),) = (
        entry for entry in said([network(), network(), third], tmp_path) if "weights" in entry[1]
    )
    assert level == "problem"
    assert "received Sequential, Sequential with the same" in message


def test_an_export_in_training_mode_is_a_problem(tmp_path):
    layers = (nn.BatchNorm2d(3), nn.Dropout(0.2))
    program = torch.export.export(network(*layers).eval(), (torch.zeros(2, 1, *SHAPE),))
    torch.export.save(program, sound := tmp_path / "sound.pt2")
    assert [level for level, _ in said(sound, tmp_path)][:2] == ["ok", "ok"]
    assert "fixed by the export" in said(sound, tmp_path)[1][1]
    program = torch.export.export(network(*layers).train(), (torch.zeros(2, 1, *SHAPE),))
    (found,) = training_export(program.module())
    assert found.level == "problem"
    assert "received batch_norm, dropout in training mode" in found.message


def test_an_unreadable_model_is_a_problem(tmp_path):
    (tmp_path / "m.pt2").write_bytes(b"\x07" * 99)
    findings = diagnose(Subjects(models=[tmp_path / "m.pt2"]))
    assert [found.subject for found in findings if found.level == "problem"] == ["model"]


@pytest.mark.parametrize(
    ("channels_in", "classes", "level", "message"),
    [
        (1, 3, "ok", "(1, 4, 5) -> (3, 4, 5)"),
        (1, 2, "problem", "received 2 classes"),
        (2, 3, "problem", "RuntimeError"),
    ],
)
def test_a_model_is_run_on_an_image(channels_in, classes, level, message):
    model = nn.Conv2d(channels_in, classes, 1)
    found, outputs = failing_model(model, CASE, STRUCTURES)
    assert (found.level, found.subject) == (level, "model on c1")
    assert message in found.message
    assert bool(outputs) == (level == "ok")
    assert model.training
