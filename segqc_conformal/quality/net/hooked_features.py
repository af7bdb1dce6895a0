"""Activations of the segmentation model, brought to the image's grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from segqc_conformal.errors import InputError
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.undisturbed import undisturbed

__all__ = ["hooked_features"]

_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def hooked_features(
    predictor: Predictor, image: ArrayLike, layers: Mapping[str, str]
) -> dict[str, NDArray[np.float32]]:
    """Run the model once in evaluation mode and return the activations of some of its layers.

    Parameters
    ----------
    predictor : Predictor
        Of a torch module, run on whole images (no sliding window).
    image : array, shape ``(channels, *spatial)``
    layers : mapping of str to str
        Name of a feature -> name of the layer, as ``model.named_modules()`` has it.

    Returns
    -------
    dict of ndarray of float32, shape ``(channels', *spatial)``
        Interpolated to the grid that the model sees, then brought to the image's own by
        ``predictor.invert``, which must not normalise.

    Raises
    ------
    InputError
        For a layer that the model lacks, or that does not run exactly once an image.

    Notes
    -----
    Guarantee: the model and the caller's random state are left as found.

    Examples
    --------
    >>> layers = nn.Sequential(nn.MaxPool2d(2), nn.Upsample(scale_factor=2))
    >>> model = Predictor(layers, "sigmoid", model_id="pool")
    >>> hooked_features(model, np.ones((1, 4, 6)), {"pooled": "0"})["pooled"].shape
    (1, 4, 6)
    """
    model = predictor.model
    known = dict(model.named_modules()) if isinstance(model, nn.Module) else {}
    missing = [layer for layer in layers.values() if layer not in known]
    if missing:
        raise InputError(
            f"layers of the model, such as {list(known)[1:4]}", missing, "correct the names"
        )
    seen: dict[str, list[Tensor]] = {name: [] for name in layers}
    grids: list[tuple[int, ...]] = []
    handles = [known[""].register_forward_pre_hook(lambda _, args: grids.append(args[0].shape[2:]))]
    for name, layer in layers.items():
        handles.append(known[layer].register_forward_hook(_keeper(seen[name])))
    try:
        with undisturbed(model):
            predictor(image)
    finally:
        for handle in handles:
            handle.remove()
    for name, kept in seen.items():
        if len(kept) != 1 or len(grids) != 1:
            raise InputError(
                f"a layer {layers[name]!r} that runs once an image",
                f"{len(kept)} runs of it in {len(grids)} of the model",
                "choose another layer, or a predictor without a sliding window",
            )
    tensor = torch.from_numpy(np.array(image, dtype=np.float32))
    return {name: _on_image(predictor, kept[0], grids[0], tensor) for name, kept in seen.items()}


def _keeper(kept: list[Tensor]) -> Callable[[nn.Module, object, Tensor], None]:
    return lambda module, inputs, output: kept.append(output.detach())


def _on_image(
    predictor: Predictor, activation: Tensor, grid: tuple[int, ...], image: Tensor
) -> NDArray[np.float32]:
    values = interpolate(activation.float(), tuple(grid), mode=_LINEAR[len(grid)])[0]
    if predictor.invert is not None:
        values = predictor.invert(values, image.to(values.device))
    return np.asarray(values.cpu().numpy(), dtype=np.float32)
