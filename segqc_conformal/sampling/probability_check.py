"""The checks every probability map passes once, wherever it comes from."""

from __future__ import annotations

import torch
from torch import Tensor

from segqc_conformal.errors import InputError
from segqc_conformal.geometry import Grid, check_same_grid

__all__ = ["check_form", "check_probabilities"]

# Rounding to half precision moves a sum of probabilities by more than float32 does.
_TOLERANCE = {torch.float16: 2e-3, torch.bfloat16: 2e-2}


def check_probabilities(
    probabilities: Tensor,
    spatial_shape: tuple[int, ...] | None = None,
    *,
    exclusive: bool = True,
    case_id: str | None = None,
) -> Tensor:
    """Check a probability map and return it, rounding errors outside [0, 1] cut off.

    Parameters
    ----------
    probabilities : Tensor of any float dtype, shape ``(classes, *spatial)``
        One channel means a binary structure.
    spatial_shape : tuple of int, optional
        The image's grid; None: not compared.
    exclusive : bool
        Whether several channels must sum to 1 in every voxel (within 1e-3; 2e-3 for float16,
        2e-2 for bfloat16).
    case_id : str, optional
        Named in errors.

    Returns
    -------
    Tensor
        The input, unchanged where it lies within [0, 1].

    Raises
    ------
    InputError
        For NaN or infinity, values outside [0, 1], or exclusive classes that do not sum to 1.
    GeometryError
        If the grid is not the image's.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> check_probabilities(torch.tensor([[0.25], [0.75]]), (1,)).tolist()
    [[0.25], [0.75]]
    """
    check_form(probabilities, spatial_shape, "probabilities", case_id)
    tolerance = _TOLERANCE.get(probabilities.dtype, 1e-3)
    low, high = (bound.item() for bound in torch.aminmax(probabilities))
    _check_range(low, high, tolerance, case_id)
    if exclusive and probabilities.shape[0] > 1:
        _check_sum(probabilities, tolerance, case_id)
    return probabilities.clamp(0.0, 1.0) if low < 0.0 or high > 1.0 else probabilities


def check_form(
    values: Tensor, spatial_shape: tuple[int, ...] | None, name: str, case_id: str | None
) -> None:
    """Check that values are floating-point, channels first, and on the image's grid.

    Raises
    ------
    InputError
        For labels, or no voxel at all; `name` is what the values are called.
    GeometryError
        If the grid is not `spatial_shape`.

    Examples
    --------
    >>> check_form(torch.zeros(2, 4, 4), (4, 4), "evidence", None)
    """
    if not values.is_floating_point() or values.ndim < 2:
        raise InputError(
            f"floating-point {name} of shape (classes, *spatial)",
            f"dtype {values.dtype} and shape {tuple(values.shape)}",
            f"give {name} with the classes first, not a label map",
            case_id,
        )
    if spatial_shape is not None:
        check_same_grid(
            Grid(spatial_shape),
            Grid(tuple(values.shape[1:])),
            name,
            case_id,
            or_else="give Predictor an `invert` that undoes `preprocess` (crop, padding, "
            "resampling)",
        )
    if values.numel() == 0:
        raise InputError(
            "at least one voxel and class", tuple(values.shape), "check the image", case_id
        )


def _check_range(low: float, high: float, tolerance: float, case_id: str | None) -> None:
    # Comparisons with NaN are false, so this form refuses NaN too.
    if low >= -tolerance and high <= 1.0 + tolerance:
        return
    if low != low or high != high or abs(low) == float("inf") or high == float("inf"):
        raise InputError(
            "finite probabilities",
            "NaN or infinity",
            "check the image's intensities and the model's weights",
            case_id,
        )
    raise InputError(
        "probabilities in [0, 1]",
        f"values from {low:.6g} to {high:.6g}",
        "say which activation the model's output needs: Predictor(activation='softmax')",
        case_id,
    )


def _check_sum(probabilities: Tensor, tolerance: float, case_id: str | None) -> None:
    total = probabilities.sum(dim=0, dtype=torch.float32)
    low, high = (bound.item() for bound in torch.aminmax(total))
    if low < 1.0 - tolerance or high > 1.0 + tolerance:
        raise InputError(
            f"exclusive classes that sum to 1 within {tolerance:g} in every voxel",
            f"sums from {low:.6g} to {high:.6g}",
            "overlapping regions: activation='sigmoid' of a Predictor, channels='overlapping' of "
            "saved samples (--channels overlapping); exclusive classes: activation='softmax', and "
            "an `invert` that pads with background = 1",
            case_id,
        )
