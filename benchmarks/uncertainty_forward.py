"""The share of one update in a model's own forward pass on this processor."""

from __future__ import annotations

from statistics import median
from typing import Any

import torch
from monai.networks.nets import DynUNet, UNet
from torch import nn
from uncertainty_methods import accumulator
from uncertainty_time import seconds


def nnunet_sized() -> nn.Module:
    """Return a 3D U-Net of the size nnU-Net plans by default: six levels, 32 to 320 features."""
    return DynUNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=4,
        kernel_size=[[3, 3, 3]] * 6,
        strides=[1, 2, 2, 2, 2, 2],
        upsample_kernel_size=[2, 2, 2, 2, 2],
        filters=[32, 64, 128, 256, 320, 320],
        norm_name="instance",
    )


def small_unet() -> nn.Module:
    """Return the small U-Net of the hippocampus example."""
    return UNet(3, 1, 3, channels=(16, 32, 64, 128), strides=(2, 2, 2), num_res_units=1)


def forward_row(
    name: str, model: nn.Module, spatial: tuple[int, ...], repeats: int
) -> dict[str, Any]:
    """Time forward passes and updates in turn; the first of each warms up."""
    image = torch.randn(1, 1, *spatial, generator=torch.Generator().manual_seed(0))
    model.eval()
    times: dict[str, list[float]] = {"forward": [], "plain": [], "fast": []}
    with torch.inference_mode():
        sample = torch.softmax(model(image)[0], dim=0)
        for _ in range(repeats + 1):
            times["forward"].append(seconds(lambda: model(image)))
            for way in ("plain", "fast"):
                times[way].append(_update(sample, way == "fast"))
    ms = {key: 1000.0 * median(values[1:]) for key, values in times.items()}
    return {
        "model": name,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "spatial": list(spatial),
        "classes": sample.shape[0],
        "ms": ms,
        "share": {way: ms[way] / ms["forward"] for way in ("plain", "fast")},
    }


def _update(sample: torch.Tensor, fast: bool) -> float:
    # The second of two: the first allocates the buffers, once for each case.
    held = accumulator(sample.shape[0], sample.ndim - 1, fast)
    held.update(sample)
    return seconds(lambda: held.update(sample))
