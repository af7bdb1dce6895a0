"""Models saved by ``torch.export``: ``.pt2`` files without the code that built them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.export.passes import move_to_device_pass

from segqc_conformal.errors import FileFormatError, on_one_line

__all__ = ["load_exported_program"]


def load_exported_program(path: str | Path, device: str | None = None) -> nn.Module:
    """Load a ``.pt2`` file as a module for `Predictor`.

    Parameters
    ----------
    path : path
        Written by ``torch.export.save(torch.export.export(model.eval(), (batch,)), path)``.
    device : str, optional
        Where it is to run. None: on the device it was exported on.

    Returns
    -------
    torch.nn.Module
        Its weights keep their names, so that ``model_id`` is that of the model it was exported
        from. It is fixed in evaluation mode.

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
        program = torch.export.load(path)
        return (program if device is None else move_to_device_pass(program, device)).module()
    except Exception as error:  # zip, json and torch's own kinds, by what is broken
        raise FileFormatError(
            f"a readable exported program in {path.name}",
            on_one_line(error),
            "export it again with this version of torch: it is truncated, corrupt, not .pt2 or of "
            "a device that is not here",
        ) from error
