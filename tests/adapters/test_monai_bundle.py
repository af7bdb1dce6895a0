import json

import numpy as np
import pytest
import torch
from deployed_models import NETWORK, SHAPE, unet, write_bundle
from monai.inferers import SlidingWindowInferer
from typer.testing import CliRunner

from segqc_conformal.adapters.monai_bundle import is_bundle, load_bundle
from segqc_conformal.cli.app import app
from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.sampling.mc_dropout import MCDropout
from segqc_conformal.sampling.predictor import Predictor

IMAGE = np.random.default_rng(0).uniform(0, 200, size=(1, *SHAPE)).astype(np.float32)
READ = [
    {"_target_": "LoadImaged", "keys": "image"},
    {"_target_": "EnsureChannelFirstd", "keys": "image"},
]
SCALE = {
    "_target_": "ScaleIntensityRanged",
    "keys": "image",
    "a_min": 0,
    "a_max": 200,
    "b_min": 0,
    "b_max": 1,
    "clip": True,
}
TYPED = {"_target_": "EnsureTyped", "keys": "image"}


def steps(*transforms: dict[str, object]) -> dict[str, object]:
    return {"_target_": "Compose", "transforms": [*READ, *transforms]}


def test_network_weights_inferer_and_scaling_come_from_the_bundle(tmp_path):
    folder = write_bundle(
        unet(),
        tmp_path / "b",
        imports=["$import glob"],
        roi="$[16, 8, 8]",
        inferer={"_target_": "SlidingWindowInferer", "roi_size": "@roi"},
        preprocessing=steps(SCALE, TYPED),
        dataset={"_target_": "of.no.package"},  # never resolved
    )
    predictor = load_bundle(folder, trust_config=True)
    expected = Predictor(unet(), inferer=SlidingWindowInferer((16, 8, 8)))(IMAGE / 200)
    torch.testing.assert_close(predictor(IMAGE), expected, rtol=0, atol=1e-6)
    assert isinstance(predictor.inferer, SlidingWindowInferer)
    assert predictor.model_id == Predictor(unet()).model_id


def test_its_network_is_a_live_module_that_can_drop_out(deployed):
    predictor = load_bundle(deployed / "bundle", trust_config=True)
    assert len(list(MCDropout(samples=3)(predictor, IMAGE / 200))) == 3


def test_nothing_of_the_config_runs_unasked(tmp_path):
    ran = tmp_path / "ran"
    evil = {"_target_": "UNet", **NETWORK, "dropout": f"$float(open({str(ran)!r}, 'w').write('0'))"}
    folder = write_bundle(unet(), tmp_path / "b", network_def=evil)
    with pytest.raises(InputError, match=r"any Python; received b untrusted; remedy: read its"):
        load_bundle(folder)
    assert is_bundle(folder)
    assert not ran.exists()
    load_bundle(folder, trust_config=True)
    assert ran.exists()  # so the check above could have failed


def test_the_command_asks_for_trust(deployed, scans, tmp_path):
    words = ["extract", deployed / "bundle", "--images", scans, "--structures", "near=1"]
    done = CliRunner().invoke(app, [*map(str, words), "--out", str(tmp_path / "t.csv")])
    assert isinstance(done.exception, InputError)
    assert "--trust-config" in str(done.exception)
    assert not (tmp_path / "t.csv").exists()


def test_weights_are_never_unpickled(tmp_path):
    class Told:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    folder = write_bundle(unet(), tmp_path / "b")
    torch.save({**unet().state_dict(), "code": Told()}, folder / "models" / "model.pt")
    with pytest.raises(FileFormatError, match=r"a usable models/model\.pt of the bundle b"):
        load_bundle(folder, trust_config=True)
    assert not (tmp_path / "ran").exists()


def test_weights_of_a_checkpoint_of_several_parts_are_found(tmp_path):
    folder = write_bundle(unet(), tmp_path / "b")
    torch.save({"model": unet(1).state_dict(), "epoch": 3}, folder / "models" / "model.pt")
    assert load_bundle(folder, trust_config=True).model_id == Predictor(unet(1)).model_id


@pytest.mark.parametrize(
    ("transform", "named"),
    [
        ({"_target_": "Spacingd", "keys": "image", "pixdim": [1, 1, 1]}, "Spacingd"),
        ({"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"}, "Orientationd"),
        ({"_target_": "RandScaleIntensityd", "keys": "image", "factors": 0.1}, "RandScale"),
        ({**SCALE, "keys": "other"}, r"\['image', 'other'\]"),
    ],
)
def test_a_preprocessing_that_cannot_be_run_is_refused_not_left_out(tmp_path, transform, named):
    folder = write_bundle(unet(), tmp_path / "b", preprocessing=steps(SCALE, transform))
    with pytest.raises(InputError, match=f"received .*{named}.*remedy: give preprocess"):
        load_bundle(folder, trust_config=True)
    predictor = load_bundle(folder, trust_config=True, preprocess=lambda image: image / 200)
    torch.testing.assert_close(predictor(IMAGE), Predictor(unet())(IMAGE / 200))


@pytest.mark.parametrize(
    ("file", "content", "named"),
    [
        ("configs/inference.json", None, "configs/inference.json"),
        ("configs/inference.json", "{", r"inference\.json"),
        ("configs/inference.json", "{}", "network_def"),
        ("configs/inference.json", json.dumps({"network_def": {"_target_": "Nn"}}), "network_def"),
        (
            "configs/inference.json",
            json.dumps({"network_def": {"_target_": "UNet", **NETWORK, "channels": [8, 8]}}),
            r"models/model\.pt",
        ),
        ("models/model.pt", "no weights", r"models/model\.pt"),
        ("models/model.pt", None, r"models/model\.pt"),
    ],
)
def test_a_damaged_bundle_is_a_typed_error(tmp_path, file, content, named):
    folder = write_bundle(unet(), tmp_path / "b")
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content)
    with pytest.raises(FileFormatError, match=named):
        load_bundle(folder, trust_config=True)
