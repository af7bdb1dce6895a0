"""Models as files: which of them a user names, and the sampler they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch

from segqc_conformal.adapters.monai_bundle import bundle_files, is_bundle, load_bundle
from segqc_conformal.adapters.nnunet import is_nnunet_folder
from segqc_conformal.adapters.torch_export import load_exported_program
from segqc_conformal.adapters.torch_script import load_torchscript
from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.file_hash import file_sha256
from segqc_conformal.sampling.deep_ensemble import DeepEnsemble
from segqc_conformal.sampling.evidential import Evidential
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.sampler import Sampler
from segqc_conformal.sampling.single_pass import SinglePass

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Device", "find_programs", "load_program", "programs_as_sampler", "programs_sha256"]

Device = Literal["cpu", "cuda"]

_PROVIDERS = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"],
}
_SUFFIXES = (".pt2", ".ts", ".onnx", ".pt")
_WHAT_IS_READ = (
    "give a folder of saved probabilities (<case_id>.npz, <case_id>.nii.gz or <case_id>/ of "
    "NIfTI samples), folders of nnUNetv2_predict --save_probabilities, or with --images models: "
    ".pt2 (torch.export.save), .ts or .pt (torch.jit.save), .onnx, or a MONAI bundle; other "
    "models can be wrapped in Python by segqc_conformal.Predictor"
)


def find_programs(source: str) -> tuple[Path, ...]:
    """Return the models that `source` names; none if it is a folder without any.

    Parameters
    ----------
    source : str
        A folder, a MONAI bundle, or names of files and bundles separated by commas.

    Raises
    ------
    FileFormatError
        If a file does not exist or is of another kind, or if there are several kinds: an ensemble
        that held one network twice, in two shapes, would not be noticed.

    Notes
    -----
    In a folder ``.pt`` files do not count, as checkpoints of training lie there under that name.
    Guarantee: none.

    Examples
    --------
    >>> find_programs("model.pth")
    Traceback (most recent call last):
    ...
    segqc_conformal.errors.FileFormatError: expected an existing folder or models...
    """
    if Path(source).is_dir() and not is_bundle(source):
        files = sorted(Path(source).glob("[!.]*"))
        return _of_one_kind(tuple(path for path in files if path.suffix in _SUFFIXES[:-1]))
    paths = tuple(Path(part.strip()) for part in source.split(","))
    others = [path for path in paths if path.suffix not in _SUFFIXES and not is_bundle(path)]
    for path in others:
        if path.is_dir() and not is_nnunet_folder(path):
            raise FileFormatError(
                "several folders only of nnU-Net, each with plans.json and dataset.json",
                f"{path} without them",
                "give the output of nnUNetv2_predict for each fold, or put the samples of a case "
                "into one file",
            )
    if others:
        raise FileFormatError("an existing folder or models", str(others[0]), _WHAT_IS_READ)
    return _of_one_kind(paths)


def _of_one_kind(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    if len({"bundle" if is_bundle(path) else path.suffix for path in paths}) > 1:
        raise FileFormatError(
            "models of one kind",
            ", ".join(path.name for path in paths),
            "name those of one kind, separated by commas",
        )
    return paths


def load_program(path: str | Path, device: Device | None = None) -> nn.Module:
    """Load a model that runs without the code that built it.

    Parameters
    ----------
    path : path
        ``.pt2``, ``.ts``, ``.pt`` or ``.onnx``.
    device : {"cpu", "cuda"}, optional
        Where it is to run. None: on the CPU, an exported program on the device it was exported on.

    Raises
    ------
    FileFormatError
        If the file is missing, corrupt or of another kind.
    InputError
        If there is no such device.

    Notes
    -----
    Guarantee: none.
    """
    from segqc_conformal.adapters.onnx_session import OnnxModel

    path = Path(path)
    if path.suffix == ".onnx":
        return OnnxModel(path, _PROVIDERS[device or "cpu"])
    _check_device(device)
    if path.suffix == ".pt2":
        return load_exported_program(path, device)
    return load_torchscript(path, device or "cpu")


def _check_device(device: Device | None) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "a GPU that torch sees, for device cuda",
            f"none by torch {torch.__version__}",
            "install torch with CUDA, or leave the device out",
        )


def programs_as_sampler(
    programs: tuple[Path, ...],
    activation: str,
    model_id: str | None,
    trust_config: bool = False,
    device: Device | None = None,
) -> tuple[Predictor | None, Sampler]:
    """Load models: one is a single pass (or its evidence), several are an ensemble.

    Parameters
    ----------
    programs : tuple of path
        At least one.
    activation, model_id
        As in `Predictor`; `model_id` only for a single program.
    trust_config : bool
        As in `load_bundle`.
    device : {"cpu", "cuda"}, optional
        As in `load_program`.

    Returns
    -------
    (predictor, sampler)
        `predictor` is None for an ensemble, which brings its members.

    Raises
    ------
    FileFormatError
        If a file is missing, corrupt or of another kind.
    InputError
        For a bundle that is not trusted, or a device that is not there.
    SamplingError
        If two models have the same weights.

    Notes
    -----
    Guarantee: none.
    """
    if any(map(is_bundle, programs)):
        _check_device(device)
    models = [
        load_bundle(
            path,
            activation,
            trust_config=trust_config,
            model_id=model_id,
            device=device or "cpu",
        )
        if is_bundle(path)
        else Predictor(load_program(path, device), activation, model_id=model_id)
        for path in programs
    ]
    if len(models) > 1:
        return None, DeepEnsemble(models)
    return models[0], Evidential() if models[0].evidential else SinglePass()


def programs_sha256(programs: tuple[Path, ...]) -> list[list[str]]:
    """Return the SHA-256 of each file of each model.

    Notes
    -----
    ``model_id`` is of the weights, or as given: it tells neither another graph with the same
    weights nor another preprocessing in a bundle's config from the one before.
    Guarantee: none.
    """
    return [[file_sha256(file) for file in _files(path)] for path in programs]


def _files(path: Path) -> list[Path]:
    from segqc_conformal.adapters.onnx_session import onnx_files

    if is_bundle(path):
        return bundle_files(path)
    return onnx_files(path) if path.suffix == ".onnx" else [path]
