import re
import sys

import numpy as np
import onnx
import pytest
import torch
from deployed_models import SHAPE, unet, write_onnx, write_onnx_apart
from onnx import TensorProto, helper

from segqc_conformal.adapters.onnx_session import OnnxModel
from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.single_pass import SinglePass

IMAGE = np.random.default_rng(0).normal(size=(1, *SHAPE)).astype(np.float32)


def graph(*inputs: tuple[str, int], kind: str = "Identity") -> onnx.ModelProto:
    def described(name: str, type_: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, type_, ["n", 2, 4, 4])

    node = helper.make_node(kind, [name for name, _ in inputs], ["y"])
    made = helper.make_graph(
        [node], "g", [described(*each) for each in inputs], [described("y", inputs[0][1])]
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def test_an_onnx_file_predicts_as_its_model(deployed):
    (sample,) = SinglePass()(Predictor(OnnxModel(deployed / "m.onnx")), IMAGE)
    torch.testing.assert_close(sample, Predictor(unet())(IMAGE), rtol=0, atol=1e-5)


def test_identity_is_that_of_the_bytes(deployed, tmp_path):
    write_onnx(unet(seed=1), tmp_path / "other.onnx")
    (tmp_path / "copy.onnx").write_bytes((deployed / "m.onnx").read_bytes())
    ids = [
        Predictor(OnnxModel(path)).model_id
        for path in (deployed / "m.onnx", tmp_path / "copy.onnx", tmp_path / "other.onnx")
    ]
    assert ids[0] == ids[1] != ids[2]


def test_weights_in_a_file_beside_it_are_read_and_are_part_of_the_identity(deployed, tmp_path):
    path = tmp_path / "apart.onnx"
    write_onnx_apart(deployed / "m.onnx", path)
    before = Predictor(OnnxModel(path))
    torch.testing.assert_close(before(IMAGE), Predictor(unet())(IMAGE), rtol=0, atol=1e-5)
    weights = bytearray((tmp_path / "weights.bin").read_bytes())
    weights[2] ^= 1
    (tmp_path / "weights.bin").write_bytes(weights)
    assert Predictor(OnnxModel(path)).model_id != before.model_id
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(FileFormatError, match=r"the weights of apart\.onnx in weights\.bin"):
        OnnxModel(path)


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_other_floating_point_types_are_taken(tmp_path, kind):
    onnx.save(graph(("x", kind)), tmp_path / "m.onnx")
    predictor = Predictor(OnnxModel(tmp_path / "m.onnx"))
    assert predictor(np.zeros((2, 4, 4))).unique().tolist() == [0.5]


def test_a_model_of_several_inputs_or_of_whole_numbers_is_refused(tmp_path):
    for inputs in ([("x", TensorProto.FLOAT)] * 2, [("x", TensorProto.INT64)]):
        named = [(f"{name}{number}", type_) for number, (name, type_) in enumerate(inputs)]
        kind = "Add" if len(named) > 1 else "Identity"
        onnx.save(graph(*named, kind=kind), tmp_path / "m.onnx")
        with pytest.raises(InputError, match="one floating-point input"):
            OnnxModel(tmp_path / "m.onnx")


def test_an_image_that_the_model_refuses_is_an_error_that_names_the_shape(deployed):
    with pytest.raises(InputError, match=re.escape("shape [1, 1, 16, 8, 8]; received (1, 1, 9, ")):
        Predictor(OnnxModel(deployed / "m.onnx"))(IMAGE[:, :9])


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty", "missing"])
def test_damaged_files_are_typed_errors(deployed, tmp_path, damaged, damage):
    path = damaged(deployed / "m.onnx", tmp_path / "m.onnx", damage)
    with pytest.raises(FileFormatError, match=r"existing \.onnx file|ONNX model in m\.onnx"):
        OnnxModel(path)


def test_other_suffix_is_refused():
    with pytest.raises(FileFormatError, match=r"an \.onnx file; received model\.pb"):
        OnnxModel("model.pb")


@pytest.mark.parametrize("library", ["onnx", "onnxruntime"])
def test_without_the_extra_it_is_named(deployed, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=r"pip install 'segqc-conformal\[onnx\]'"):
        OnnxModel(deployed / "m.onnx")


def test_nothing_is_sent_and_telemetry_is_off_before_a_session(deployed, guarded):
    code = f"""
import onnxruntime as ort
calls = []
off, session = ort.disable_telemetry_events, ort.InferenceSession
ort.disable_telemetry_events = lambda: (calls.append("off"), off())
ort.InferenceSession = lambda *a, **k: (calls.append("session"), session(*a, **k))[1]
from segqc_conformal.adapters.onnx_session import OnnxModel
OnnxModel({str(deployed / "m.onnx")!r})
print(calls)
"""
    done = guarded.python("-c", code)
    assert (done.stdout.strip(), guarded.refused) == ("['off', 'session']", []), done.stderr
