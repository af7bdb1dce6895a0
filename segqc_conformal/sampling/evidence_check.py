"""The checks all evidence passes once, wherever it comes from."""

from __future__ import annotations

import torch
from torch import Tensor

from segqc_conformal.errors import InputError
from segqc_conformal.sampling.probability_check import check_form

__all__ = ["check_evidence", "check_not_normalised"]


def check_evidence(
    evidence: Tensor,
    spatial_shape: tuple[int, ...] | None = None,
    *,
    case_id: str | None = None,
) -> Tensor:
    """Check the evidence for exclusive classes and return it.

    Parameters
    ----------
    evidence : Tensor of any float dtype, shape ``(classes, *spatial)``
        At least two classes.
    spatial_shape : tuple of int, optional
        The image's grid; None: not compared.
    case_id : str, optional
        Named in errors.

    Returns
    -------
    Tensor
        The input.

    Raises
    ------
    InputError
        For NaN, infinity, negative values, or one class only.
    GeometryError
        If the grid is not the image's.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> check_evidence(torch.tensor([[0.0], [7.5]]), (1,)).tolist()
    [[0.0], [7.5]]
    """
    check_form(evidence, spatial_shape, "evidence", case_id)
    if evidence.shape[0] < 2:
        raise InputError(
            "evidence for at least two classes",
            tuple(evidence.shape),
            "evidence for a structure needs evidence for the background beside it",
            case_id,
        )
    low, high = (bound.item() for bound in torch.aminmax(evidence))
    # Comparisons with NaN are false, so this form refuses NaN too.
    if not (low >= 0.0 and high < float("inf")):
        raise InputError(
            "finite evidence >= 0",
            f"values from {low:.6g} to {high:.6g}",
            "check the evidence function (exp overflows above 88), intensities and weights",
            case_id,
        )
    return evidence


def check_not_normalised(before: Tensor, after: Tensor) -> None:
    """Check that evidence was not taken for probabilities on its way.

    Parameters
    ----------
    before, after : Tensor, shape ``(classes, *spatial)``
        Evidence of the model, and what became of it; grids may differ.

    Raises
    ------
    InputError
        If `after` sums to 1 in every voxel and `before` does not: its size, which is what evidence
        says beyond probabilities, was lost.

    Examples
    --------
    >>> check_not_normalised(torch.tensor([[3.0], [1.0]]), torch.tensor([[3.0], [1.0]]))
    """
    if _sums_to_one(after) and not _sums_to_one(before):
        raise InputError(
            "an `invert` that keeps the size of evidence",
            "evidence that sums to 1 in every voxel",
            "crop, pad and resample in `invert`, but do not normalise there",
        )


def _sums_to_one(values: Tensor) -> bool:
    return bool(((values.sum(dim=0) - 1.0).abs() < 1e-3).all())
