"""Models saved as ONNX, run by onnxruntime: the only place that touches either library."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from segqc_conformal.errors import FileFormatError, InputError, on_one_line
from segqc_conformal.file_hash import file_sha256

__all__ = ["OnnxModel", "onnx_files"]

_TYPES: dict[str, type[np.floating[Any]]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
}


class OnnxModel(nn.Module):
    """An ONNX file as a module for `Predictor`.

    Parameters
    ----------
    path : path
        ``.onnx``, with one input of shape ``(images, channels, *spatial)``. Weights may lie in
        files beside it, as ``torch.onnx.export`` and models above 2 GB have them.
    providers : sequence of str
        Of onnxruntime, in order of preference.

    Raises
    ------
    FileFormatError
        If a file is missing, corrupt, truncated or of another kind.
    InputError
        If the extra ``onnx`` is not installed, onnxruntime here has none of a provider, or the
        model does not have one floating-point input; when used: if it refuses the image.

    Notes
    -----
    Its only state is the SHA-256 of the file and of the files of weights that it names, so that
    ``model_id`` changes with any byte of them. Of several outputs the first counts.
    Guarantee: none. onnxruntime's telemetry is switched off before a session is made.
    """

    sha256: Tensor

    def __init__(
        self, path: str | Path, providers: Sequence[str] = ("CPUExecutionProvider",)
    ) -> None:
        super().__init__()
        path = Path(path)
        if path.suffix != ".onnx":
            raise FileFormatError("an .onnx file", path.name, "save it by torch.onnx.export")
        if not path.is_file():
            raise FileFormatError("an existing .onnx file", str(path), "check the path")
        digest = np.frombuffer(_sha256(path), np.uint8).copy()
        self.register_buffer("sha256", torch.from_numpy(digest))
        self._session = _session(path, list(providers))
        self._input, self._dtype = _only_input(self._session, path)

    def forward(self, batch: Tensor) -> Tensor:
        """Run the model on a batch ``(images, channels, *spatial)``; the answer is on the CPU."""
        values = batch.detach().cpu().numpy().astype(self._dtype, copy=False)
        try:
            first, *_ = self._session.run(None, {self._input.name: values})
        except Exception as error:  # onnxruntime has kinds of its own, none of them documented
            raise InputError(
                f"images of the model's shape {self._input.shape}",
                f"{tuple(values.shape)}: {on_one_line(error)[:300]}",
                "pad in preprocess, use a sliding-window inferer of that size, or export the "
                "model with dynamic axes",
            ) from error
        return torch.from_numpy(np.ascontiguousarray(first))


def _session(path: Path, providers: list[str]) -> Any:
    ort = _library("onnxruntime")
    ort.disable_telemetry_events()
    missing = [name for name in providers if name not in ort.get_available_providers()]
    if missing:  # it would run on another device in silence
        raise InputError(
            f"an onnxruntime with {', '.join(missing)}",
            ", ".join(ort.get_available_providers()),
            "install onnxruntime-gpu in place of onnxruntime, or run the model on the CPU",
        )
    options = ort.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # its warnings speak of the graph, which nobody here can mend
    options.use_deterministic_compute = True
    try:
        return ort.InferenceSession(str(path), options, providers=providers)
    except Exception as error:
        raise _unreadable(path, error) from error


def _only_input(session: Any, path: Path) -> tuple[Any, type[np.floating[Any]]]:
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in _TYPES:
        raise InputError(
            "an ONNX model with one floating-point input (images, channels, *spatial)",
            [f"{each.name}: {each.type}" for each in inputs],
            f"export {path.name} with the image as its only input",
        )
    return inputs[0], _TYPES[inputs[0].type]


def _sha256(path: Path) -> bytes:
    digest = hashlib.sha256()
    for file in onnx_files(path):
        try:
            digest.update(bytes.fromhex(file_sha256(file)))
        except OSError as error:
            raise FileFormatError(
                f"the weights of {path.name} in {file.name}",
                on_one_line(error),
                "copy the files of weights together with the model",
            ) from error
    return digest.digest()


def onnx_files(path: Path) -> list[Path]:
    """Return an ONNX file and the files of weights that it names."""
    onnx = _library("onnx")
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's own kinds
        raise _unreadable(path, error) from error
    # filled in only where a tensor lies outside
    told = [entry for tensor in _tensors(model) for entry in tensor.external_data]
    names = {entry.value for entry in told if entry.key == "location"}
    return [path, *(path.parent / name for name in sorted(names))]


def _tensors(part: Any) -> Iterator[Any]:
    """Yield every tensor of a model, also those inside the branches of loops and conditions."""
    for field, value in part.ListFields():
        if field.message_type is None:
            continue
        for each in value if field.is_repeated else [value]:
            if each.DESCRIPTOR.name == "TensorProto":
                yield each
            else:
                yield from _tensors(each)


def _library(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            "onnx and onnxruntime for .onnx files",
            on_one_line(error),
            "pip install 'segqc-conformal[onnx]'",
        ) from error


def _unreadable(path: Path, error: Exception) -> FileFormatError:
    return FileFormatError(
        f"a readable ONNX model in {path.name}",
        on_one_line(error)[:300],
        "export it again, in float32: it is truncated, corrupt, not ONNX, newer than onnxruntime "
        "here, or of a type that onnxruntime has no operators for",
    )
