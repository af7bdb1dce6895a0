"""Grad-CAM: which places spoke for or against a mask."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from segqc_conformal.errors import InputError
from segqc_conformal.quality.net.fitted import FittedQualityNet
from segqc_conformal.quality.net.quality_case import QualityCase

__all__ = ["grad_cam"]

_LINEAR = {2: "bilinear", 3: "trilinear"}


def grad_cam(
    net: FittedQualityNet,
    case: QualityCase,
    structure: str,
    spoke: Literal["for", "against"] = "against",
) -> NDArray[np.float32]:
    """Return which places of a case lowered, or raised, its predicted metric.

    Parameters
    ----------
    net : FittedQualityNet
        With a case head.
    case : QualityCase
    structure : str
        Whose metric.
    spoke : {"for", "against"}
        "against": what lowered the predicted number; "for": what raised it.

    Returns
    -------
    ndarray of float32, shape ``(*spatial)``
        On the image's grid, 0 to 1 (the strongest place of this case); 0 everywhere where nothing
        spoke so. As coarse as the deepest level of the encoder.

    Raises
    ------
    InputError
        For a net without a case head, or an unknown structure.

    Notes
    -----
    Guarantee: none; it shows what the net looked at, which need not be where the mask is wrong.
    Source: Selvaraju et al., ICCV 2017, at the deepest convolution.
    """
    names = list(net.settings.structures)
    if "case" not in net.module.heads or structure not in names:
        raise InputError(
            f"a net with a case head, and one of its structures {names}",
            f"heads {list(net.module.heads)}, structure {structure!r}",
            "name another structure, or train a net with CaseHead()",
        )
    seen, inputs = net.items(case)
    with torch.enable_grad():
        encoded = net.module.encoder(inputs.float().requires_grad_())
        deepest = encoded.levels[-1]
        number = net.module.heads["case"](encoded)[0, names.index(structure)]
        (gradient,) = torch.autograd.grad(number, deepest)
    weights = gradient.flatten(2).mean(dim=2)[0]
    sign = -1.0 if spoke == "against" else 1.0
    heat = (sign * torch.tensordot(weights, deepest[0].detach(), dims=1)).clamp_min(0.0)
    heat = heat / heat.max().clamp_min(1e-12)
    fine = interpolate(heat[None, None], encoded.grid, mode=_LINEAR[heat.ndim])[0].cpu()
    return np.asarray(seen.view.from_grid(fine)[0].numpy())
