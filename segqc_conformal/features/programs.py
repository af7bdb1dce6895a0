"""Models as files: which of them a user names, and the sampler they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from segqc_conformal.adapters.monai_bundle import is_bundle, load_bundle
from segqc_conformal.adapters.torch_export import load_exported_program
from segqc_conformal.adapters.torch_script import load_torchscript
from segqc_conformal.errors import FileFormatError
from segqc_conformal.sampling.deep_ensemble import DeepEnsemble
from segqc_conformal.sampling.evidential import Evidential
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.sampler import Sampler
from segqc_conformal.sampling.single_pass import SinglePass

if TYPE_CHECKING:
    from torch import nn

__all__ = ["find_programs", "load_program", "programs_as_sampler"]

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
    for path in paths:
        if path.suffix not in _SUFFIXES and not is_bundle(path):
            raise FileFormatError("an existing folder or models", str(path), _WHAT_IS_READ)
    return _of_one_kind(paths)


def _of_one_kind(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    if len({path.suffix for path in paths}) > 1:
        raise FileFormatError(
            "models of one kind",
            ", ".join(path.name for path in paths),
            "name those of one kind, separated by commas",
        )
    return paths


def load_program(path: str | Path) -> nn.Module:
    """Load a model that runs without the code that built it.

    Parameters
    ----------
    path : path
        ``.pt2``, ``.ts``, ``.pt`` or ``.onnx``.

    Raises
    ------
    FileFormatError
        If the file is missing, corrupt or of another kind.

    Notes
    -----
    Guarantee: none.
    """
    from segqc_conformal.adapters.onnx_session import OnnxModel

    path = Path(path)
    if path.suffix == ".onnx":
        return OnnxModel(path)
    return load_exported_program(path) if path.suffix == ".pt2" else load_torchscript(path)


def programs_as_sampler(
    programs: tuple[Path, ...],
    activation: str,
    model_id: str | None,
    trust_config: bool = False,
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

    Returns
    -------
    (predictor, sampler)
        `predictor` is None for an ensemble, which brings its members.

    Raises
    ------
    FileFormatError
        If a file is missing, corrupt or of another kind.
    InputError
        For a bundle that is not trusted.
    SamplingError
        If two models have the same weights.

    Notes
    -----
    Guarantee: none.
    """
    models = [
        load_bundle(path, activation, trust_config=trust_config, model_id=model_id)
        if is_bundle(path)
        else Predictor(load_program(path), activation, model_id=model_id)
        for path in programs
    ]
    if len(models) > 1:
        return None, DeepEnsemble(models)
    return models[0], Evidential() if models[0].evidential else SinglePass()
