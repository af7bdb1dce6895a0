"""Models as files: which `.pt2` programs a user names, and the sampler they make."""

from __future__ import annotations

from pathlib import Path

from segqc_conformal.adapters.torch_export import load_exported_program
from segqc_conformal.errors import FileFormatError
from segqc_conformal.sampling.deep_ensemble import DeepEnsemble
from segqc_conformal.sampling.evidential import Evidential
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.sampler import Sampler
from segqc_conformal.sampling.single_pass import SinglePass

__all__ = ["find_programs", "programs_as_sampler"]

_WHAT_IS_READ = (
    "give a folder of saved probabilities (<case_id>.npz, <case_id>.nii.gz or <case_id>/ of "
    "NIfTI samples), or .pt2 files written by torch.export.save with --images; other models "
    "can be wrapped in Python by segqc_conformal.Predictor"
)


def find_programs(source: str) -> tuple[Path, ...]:
    """Return the ``.pt2`` files that `source` names; none if it is a folder without any.

    Parameters
    ----------
    source : str
        A folder, or file names separated by commas.

    Raises
    ------
    FileFormatError
        If a file does not exist or is of another kind.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> find_programs("model.onnx")
    Traceback (most recent call last):
    ...
    segqc_conformal.errors.FileFormatError: expected an existing folder or .pt2 files...
    """
    if Path(source).is_dir():
        return tuple(sorted(Path(source).glob("[!.]*.pt2")))
    paths = tuple(Path(part.strip()) for part in source.split(","))
    for path in paths:
        if path.suffix != ".pt2":
            raise FileFormatError("an existing folder or .pt2 files", str(path), _WHAT_IS_READ)
    return paths


def programs_as_sampler(
    programs: tuple[Path, ...], activation: str, model_id: str | None
) -> tuple[Predictor | None, Sampler]:
    """Load exported programs: one is a single pass (or its evidence), several are an ensemble.

    Parameters
    ----------
    programs : tuple of path
        At least one ``.pt2`` file.
    activation, model_id
        As in `Predictor`; `model_id` only for a single program.

    Returns
    -------
    (predictor, sampler)
        `predictor` is None for an ensemble, which brings its members.

    Raises
    ------
    FileFormatError
        If a file is missing, corrupt or of another kind.
    SamplingError
        If two programs have the same weights.

    Notes
    -----
    Guarantee: none.
    """
    models = [
        Predictor(load_exported_program(path), activation, model_id=model_id) for path in programs
    ]
    if len(models) > 1:
        return None, DeepEnsemble(models)
    return models[0], Evidential() if models[0].evidential else SinglePass()
