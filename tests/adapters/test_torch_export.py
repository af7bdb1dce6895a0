import numpy as np
import pytest
import torch
from monai.networks.nets import UNet

from segqc_conformal.adapters.torch_export import load_exported_program
from segqc_conformal.errors import FileFormatError, SamplingError
from segqc_conformal.sampling.mc_dropout import MCDropout
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.single_pass import SinglePass

IMAGE = np.random.default_rng(0).normal(size=(1, 8, 8)).astype(np.float32)


@pytest.fixture(scope="module")
def unet() -> UNet:
    torch.manual_seed(0)
    return UNet(2, 1, 3, channels=(4, 8), strides=(2,), num_res_units=1, dropout=0.3).eval()


@pytest.fixture(scope="module")
def program(unet, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "model.pt2"
    torch.export.save(torch.export.export(unet, (torch.zeros(1, 1, 8, 8),)), path)
    return path


def test_exported_program_predicts_as_its_model_and_has_its_identity(unet, program):
    loaded = Predictor(load_exported_program(program))
    (sample,) = SinglePass()(loaded, IMAGE)
    torch.testing.assert_close(sample, Predictor(unet)(IMAGE), rtol=0, atol=1e-6)
    assert loaded.model_id == Predictor(unet).model_id


def test_flags_of_an_exported_program_are_left_as_found(program):
    module = load_exported_program(program)
    before = [part.training for part in module.modules()]
    list(SinglePass()(Predictor(module), IMAGE))
    assert [part.training for part in module.modules()] == before


def test_dropout_of_an_exported_program_cannot_be_switched_on(program):
    with pytest.raises(SamplingError, match="exported programs, TorchScript and ONNX cannot"):
        MCDropout().model_id(Predictor(load_exported_program(program)))


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty", "missing"])
def test_damaged_programs_are_typed_errors(program, tmp_path, damage):
    path = tmp_path / "model.pt2"
    whole = program.read_bytes()
    if damage != "missing":
        path.write_bytes(
            {"truncated": whole[: len(whole) // 2], "garbage": b"\x03" * 500, "empty": b""}[damage]
        )
    with pytest.raises(FileFormatError, match=r"expected .* \.pt2 file|exported program in model"):
        load_exported_program(path)


def test_other_suffix_is_refused():
    with pytest.raises(FileFormatError, match=r"a \.pt2 file; received model\.pth"):
        load_exported_program("model.pth")
