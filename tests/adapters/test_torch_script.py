import warnings

import numpy as np
import pytest
import torch
from deployed_models import SHAPE, unet

from segqc_conformal.adapters.torch_script import load_torchscript
from segqc_conformal.errors import FileFormatError, InputError, SamplingError
from segqc_conformal.sampling.drop_weights import DropWeights
from segqc_conformal.sampling.mc_dropout import MCDropout
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.single_pass import SinglePass

IMAGE = np.random.default_rng(0).normal(size=(1, *SHAPE)).astype(np.float32)


def test_torchscript_predicts_as_its_model_and_has_its_identity(deployed):
    loaded = Predictor(load_torchscript(deployed / "m.ts"))
    (sample,) = SinglePass()(loaded, IMAGE)
    torch.testing.assert_close(sample, Predictor(unet())(IMAGE), rtol=0, atol=1e-6)
    assert loaded.model_id == Predictor(unet()).model_id


def test_the_suffix_pt_is_torchscript_too(deployed, tmp_path):
    (tmp_path / "m.pt").write_bytes((deployed / "m.ts").read_bytes())
    assert Predictor(load_torchscript(tmp_path / "m.pt")).model_id == Predictor(unet()).model_id


def test_a_frozen_module_has_no_weights_and_needs_a_name(deployed, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frozen = torch.jit.freeze(torch.jit.load(deployed / "m.ts").eval())
        torch.jit.save(frozen, tmp_path / "frozen.ts")
    module = load_torchscript(tmp_path / "frozen.ts")
    with pytest.raises(InputError, match="give Predictor"):
        Predictor(module)
    (sample,) = SinglePass()(Predictor(module, model_id="m-v1"), IMAGE)
    torch.testing.assert_close(sample, Predictor(unet())(IMAGE), rtol=0, atol=1e-5)


@pytest.mark.parametrize("sampler", [MCDropout(samples=2), DropWeights()])
def test_its_dropout_and_weights_are_out_of_reach(deployed, sampler):
    with pytest.raises(SamplingError, match=r"TorchScript|scripted or traced"):
        sampler.model_id(Predictor(load_torchscript(deployed / "m.ts")))


def test_weights_alone_are_refused_and_never_unpickled(tmp_path):
    class Told:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"weight": torch.ones(2), "code": Told()}, tmp_path / "m.pt")
    with pytest.raises(FileFormatError, match="weights alone"):
        load_torchscript(tmp_path / "m.pt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty", "missing"])
def test_damaged_files_are_typed_errors(deployed, tmp_path, damaged, damage):
    path = damaged(deployed / "m.ts", tmp_path / "m.ts", damage)
    with pytest.raises(FileFormatError, match=r"existing \.ts file|TorchScript module in m\.ts"):
        load_torchscript(path)


def test_other_suffix_is_refused():
    with pytest.raises(FileFormatError, match=r"a \.ts or \.pt file; received model\.pth"):
        load_torchscript("model.pth")
