"""A reconstruction of the magnitude-direction confidence score MD-CSF from its public summary."""

from __future__ import annotations

import torch
from torch import Tensor

from segqc_conformal.errors import InputError
from segqc_conformal.uncertainty.label_map import most_probable_label

__all__ = ["md_csf_reconstruction"]


def md_csf_reconstruction(logits: Tensor) -> Tensor:
    """Multiply the magnitude of the logits by how well they point in their class's direction.

    Parameters
    ----------
    logits : Tensor of any float dtype, shape ``(classes, *spatial)``
        Before the softmax; at least two classes.

    Returns
    -------
    Tensor of float32, shape ``(*spatial)``
        High where confident: the length of the logits less their mean over the classes, times the
        cosine to the mean of these vectors over all voxels of the same predicted class.

    Raises
    ------
    InputError
        For fewer than two classes, labels, NaN or infinity.

    Notes
    -----
    Guarantee: none. **Reconstruction**: the formula of Liu et al. (2026) is not public; only that
    their score combines magnitude and direction is. What is taken here: mean-free logits, which the
    softmax alone depends on, and class means of the case itself as directions.

    Examples
    --------
    >>> md_csf_reconstruction(torch.tensor([[3.0, 1.0], [-3.0, -1.0]])).tolist()
    [4.242640495300293, 1.4142135381698608]
    """
    if not logits.is_floating_point() or logits.ndim < 2 or logits.shape[0] < 2:
        raise InputError(
            "floating-point logits of shape (classes, *spatial), two classes or more",
            f"dtype {logits.dtype} and shape {tuple(logits.shape)}",
            "give the network's output before the softmax, the classes first",
        )
    if not bool(torch.isfinite(logits).all()):
        raise InputError("finite logits", "NaN or infinity", "check intensities and weights")
    values = logits.double().flatten(1)
    centred = values - values.mean(dim=0)
    labels = most_probable_label(values)
    chosen = torch.nn.functional.one_hot(labels, logits.shape[0]).double()
    class_means = torch.nn.functional.normalize(centred @ chosen, dim=0)  # as far as direction goes
    cosine = torch.nn.functional.cosine_similarity(centred, class_means[:, labels], dim=0)
    score: Tensor = centred.square().sum(dim=0).sqrt() * cosine
    return score.float().reshape(logits.shape[1:])
