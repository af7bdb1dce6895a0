"""MONAI bundles: the network, its weights, its inferer and what prepares its images."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from segqc_conformal.errors import FileFormatError, InputError, on_one_line
from segqc_conformal.sampling.predictor import Predictor

if TYPE_CHECKING:
    from torch import nn

__all__ = ["is_bundle", "load_bundle"]

_READS_OR_TYPES = ("LoadImaged", "EnsureChannelFirstd", "EnsureTyped", "CastToTyped", "ToTensord")


def is_bundle(folder: str | Path) -> bool:
    """Return whether a folder is a MONAI bundle.

    Examples
    --------
    >>> import tempfile
    >>> is_bundle(tempfile.mkdtemp())
    False
    """
    return (Path(folder) / "configs" / "metadata.json").is_file()


def load_bundle(
    folder: str | Path,
    activation: str = "softmax",
    *,
    trust_config: bool = False,
    preprocess: Callable[[Tensor], Tensor] | None = None,
    invert: Callable[[Tensor, Tensor], Tensor] | None = None,
    model_id: str | None = None,
) -> Predictor:
    """Make a predictor of a MONAI bundle.

    Parameters
    ----------
    folder : path
        Holds ``configs/metadata.json``, ``configs/inference.json`` (or ``.yaml``) with
        ``network_def`` and, if wanted, ``inferer`` and ``preprocessing``, and the weights
        ``models/model.pt``.
    activation, preprocess, invert, model_id
        As in `Predictor`; `preprocess` is run in place of the bundle's preprocessing.
    trust_config : bool
        Whether its config may run code. **A config can run any Python**: what begins with ``$``
        is evaluated, ``_target_`` calls whatever can be imported, and both may import. Read it
        before you say True, as you would read a script.

    Returns
    -------
    Predictor
        Of the network itself, on the CPU, so that every sampler can work with it.

    Raises
    ------
    InputError
        Without `trust_config`; or if the preprocessing does more than read, type and scale
        intensities and no `preprocess` was given: `Predictor` knows no affine, so that
        transforms of the grid (Spacingd, Orientationd) cannot be run, and are not left out.
    FileFormatError
        If a file of the bundle is missing, damaged, or does not fit the others.

    Notes
    -----
    Only ``network_def``, ``inferer``, ``preprocessing`` and what they refer to are resolved. The
    weights are read without unpickling (``weights_only``). A bundle's ``models/model.ts`` is
    TorchScript, which `load_torchscript` reads without any config.
    Guarantee: none.
    """
    folder = Path(folder)
    if not trust_config:
        raise InputError(
            "trust_config=True for a MONAI bundle, whose config can run any Python",
            f"{folder.name} untrusted",
            "read its configs/, then say trust_config=True (--trust-config); or give its "
            "models/model.ts, which needs no config",
        )
    parser = _parser(folder)
    network = _resolved(parser, "network_def", folder)
    _load_weights(network, folder / "models" / "model.pt")
    return Predictor(
        network.eval(),
        activation,
        preprocess or _preprocessing(parser, folder),
        invert,
        _resolved(parser, "inferer", folder) if "inferer" in parser else None,
        model_id,
    )


def _parser(folder: Path) -> Any:
    from monai.bundle.config_parser import ConfigParser

    configs = folder / "configs"
    names = [f"inference.{ending}" for ending in ("json", "yaml", "yml")]
    config = next((configs / name for name in names if (configs / name).is_file()), None)
    if config is None or not is_bundle(folder):
        raise FileFormatError(
            "a MONAI bundle with configs/metadata.json and configs/inference.json",
            str(folder),
            "give the folder of the bundle",
        )
    parser = ConfigParser()
    try:
        parser.read_meta(str(configs / "metadata.json"))
        parser.read_config(str(config))
    except Exception as error:  # json's and yaml's own kinds
        raise _unusable(config.name, folder, error) from error
    parser["bundle_root"] = str(folder)
    return parser


def _resolved(parser: Any, name: str, folder: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of readers and names that its author chose
            return parser.get_parsed_content(name)
    except Exception as error:  # whatever its code raises
        raise _unusable(f"{name} in its config", folder, error) from error


def _load_weights(network: nn.Module, path: Path) -> None:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        # as MONAI's checkpoints of several parts have it
        network.load_state_dict(state["model"] if "model" in state else state)
    except Exception as error:  # torch's own kinds, by what is broken
        raise _unusable(f"models/{path.name}", path.parents[1], error) from error


def _preprocessing(parser: Any, folder: Path) -> Callable[[Tensor], Tensor] | None:
    if "preprocessing" not in parser:
        return None
    found = _resolved(parser, "preprocessing", folder)
    steps = list(getattr(found, "transforms", [found]))
    foreign = [type(step).__name__ for step in steps if not _can_be_run(step)]
    keys = {key for step in steps for key in getattr(step, "keys", ())}
    if foreign or len(keys) > 1:
        raise InputError(
            "a preprocessing of one image that reads, types and scales intensities, or preprocess",
            ", ".join(foreign) or f"the keys {sorted(keys)}",
            "give preprocess, and invert where it changes the grid; or put the images on the "
            "bundle's grid first; or save the probabilities that the bundle gives on the image's "
            "grid (Invertd, SaveImaged) and use StoredSamples",
        )
    scaling = [step for step in steps if _module(step) == "intensity"]
    return _Steps(scaling, *keys) if scaling else None


def _can_be_run(step: Any) -> bool:
    from monai.transforms.traits import RandomizableTrait

    fixed = not isinstance(step, RandomizableTrait)
    return (fixed and _module(step) == "intensity") or type(step).__name__ in _READS_OR_TYPES


def _module(step: Any) -> str:
    # monai.transforms.intensity.dictionary -> intensity
    home, *rest = type(step).__module__.removeprefix("monai.transforms.").split(".")
    return home if rest else ""


class _Steps:
    """The transforms of intensities of a bundle, one after the other."""

    def __init__(self, steps: list[Any], key: str) -> None:
        self._steps, self._key = steps, key

    def __call__(self, image: Tensor) -> Tensor:
        data = {self._key: image}
        for step in self._steps:
            data = step(data)
        return torch.as_tensor(data[self._key])


def _unusable(what: str, folder: Path, error: Exception) -> FileFormatError:
    return FileFormatError(
        f"a usable {what} of the bundle {folder.name}",
        on_one_line(error)[:300],
        "copy the bundle again; its own code and requirements must be installed",
    )
