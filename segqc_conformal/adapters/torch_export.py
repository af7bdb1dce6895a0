"""Models saved by ``torch.export``: ``.pt2`` files without the code that built them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from segqc_conformal.errors import FileFormatError, on_one_line

__all__ = ["load_exported_program"]


def load_exported_program(path: str | Path) -> nn.Module:
    """Load a ``.pt2`` file as a module for `Predictor`.

    Parameters
    ----------
    path : path
        Written by ``torch.export.save(torch.export.export(model.eval(), (batch,)), path)``.

    Returns
    -------
    torch.nn.Module
        On the device it was exported on. Its weights keep their names, so that ``model_id`` is
        that of the model it was exported from. It is fixed in evaluation mode.

    Raises
    ------
    FileFormatError
        If the file is missing, corrupt, truncated or of another kind.

    Notes
    -----
    Guarantee: none. A program exported without dynamic shapes takes images of one size only: pad
    in ``preprocess``, or use a sliding-window inferer of that size.
    """
    path = Path(path)
    if path.suffix != ".pt2":
        raise FileFormatError("a .pt2 file", path.name, "save the model by torch.export.save")
    if not path.is_file():
        raise FileFormatError("an existing .pt2 file", str(path), "check the path")
    try:
        return torch.export.load(path).module()
    except Exception as error:  # zip, json and torch's own kinds, by what is broken
        raise FileFormatError(
            f"a readable exported program in {path.name}",
            on_one_line(error),
            "export it again with this version of torch: it is truncated, corrupt or not .pt2",
        ) from error
