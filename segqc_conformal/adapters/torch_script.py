"""Models saved as TorchScript: ``.ts`` and ``.pt`` files, read though torch deprecates them."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import nn

from segqc_conformal.errors import FileFormatError, on_one_line

__all__ = ["SUFFIXES", "load_torchscript"]

SUFFIXES = (".ts", ".pt")


def load_torchscript(path: str | Path) -> nn.Module:
    """Load a TorchScript file as a module for `Predictor`.

    Parameters
    ----------
    path : path
        ``.ts`` or ``.pt``, written by ``torch.jit.save`` of a traced or scripted module.

    Returns
    -------
    torch.nn.Module
        On the CPU, in evaluation mode. Its weights keep their names, so that ``model_id`` is that
        of the model it was made from. A frozen module (``torch.jit.freeze``) has no weights left:
        `Predictor` asks for ``model_id`` then.

    Raises
    ------
    FileFormatError
        If the file is missing, corrupt, truncated or of another kind: a ``.pt`` file of weights
        alone is none.

    Notes
    -----
    Guarantee: none. The file holds a program of torch's own language: it is no pickle and runs no
    Python, but it is a program; read files of people you trust.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise FileFormatError("a .ts or .pt file", path.name, "save the model by torch.jit.save")
    if not path.is_file():
        raise FileFormatError(f"an existing {path.suffix} file", str(path), "check the path")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated since torch 2.9; hospitals still have it
        try:
            module: nn.Module = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
            return module.eval()
        except Exception as error:  # zip, pickle and torch's own kinds, by what is broken
            raise FileFormatError(
                f"a readable TorchScript module in {path.name}",
                on_one_line(error)[:300],
                "save the whole model by torch.jit.save or torch.export.save: this file is "
                "truncated, corrupt or holds weights alone, which need the code of their network",
            ) from error
