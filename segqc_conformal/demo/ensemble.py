"""The demo's deployed model: four small 3-D U-Nets whose weights ship with the package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from monai.networks.nets.unet import UNet
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from segqc_conformal.demo.anatomy import STRUCTURES
from segqc_conformal.errors import FileFormatError, on_one_line
from segqc_conformal.sampling.predictor import Predictor

__all__ = ["MEMBERS", "WEIGHTS", "demo_network", "demo_predictors", "z_score"]

MEMBERS = 4
WEIGHTS = Path(__file__).with_name("ensemble.safetensors")


def demo_network() -> UNet:
    """Build one untrained member.

    Returns
    -------
    monai.networks.nets.UNet
        One channel in, three logits out (background, anterior, posterior); dropout 0.1, so that
        Monte Carlo dropout works on it as well. Volumes with sides divisible by 4.

    Notes
    -----
    Guarantee: none. Source: MONAI's residual U-Net (Kerfoot et al., STACOM 2018).

    Examples
    --------
    >>> sum(weight.numel() for weight in demo_network().parameters())
    78063
    """
    return UNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=1 + len(STRUCTURES),
        channels=(12, 24, 48),
        strides=(2, 2),
        num_res_units=1,
        dropout=0.1,
    )


def z_score(image: Tensor) -> Tensor:
    """Scale a volume to mean 0 and standard deviation 1, which removes the scanner's gain.

    Parameters
    ----------
    image : Tensor, shape ``(channels, *spatial)``
        Any unit.

    Returns
    -------
    Tensor of float32, same shape
        Zeros for a constant volume.

    Notes
    -----
    Guarantee: none (arithmetic).

    Examples
    --------
    >>> z_score(torch.tensor([[1.0, 3.0]])).tolist(), z_score(torch.ones(1, 2)).tolist()
    ([[-1.0, 1.0]], [[0.0, 0.0]])
    """
    centred = image.float() - image.float().mean()
    return centred / centred.square().mean().sqrt().clamp_min(1e-6)


def demo_predictors(device: str | torch.device = "cpu") -> list[Predictor]:
    """Load the four members of the demo's ensemble.

    Parameters
    ----------
    device : str or torch.device
        Where the members shall run.

    Returns
    -------
    list of Predictor
        Softmax probabilities of background, anterior and posterior on the image's own grid; for
        ``DeepEnsemble``.

    Raises
    ------
    FileFormatError
        If the shipped weights are missing, truncated or of another network.

    Notes
    -----
    Guarantee: none. Trained by ``benchmarks/train_demo_ensemble.py`` on cases that the demo cannot
    produce (`segqc_conformal.demo.cohort.training_case`), all of the original scanner and at most
    mildly ill or disturbed: on other cases they fail as a deployed model would.

    Examples
    --------
    >>> from segqc_conformal.demo.cohort import generate_case
    >>> members = demo_predictors()
    >>> members[0](generate_case(0, 1).channels_first()).shape
    torch.Size([3, 28, 40, 28])
    """
    try:
        stored = load_file(WEIGHTS)
        members = [_member(stored, number) for number in range(MEMBERS)]
    except (OSError, SafetensorError, RuntimeError) as error:
        raise FileFormatError(
            f"the weights of {MEMBERS} demo networks in {WEIGHTS.name}",
            on_one_line(error),
            "install the package again, or run benchmarks/train_demo_ensemble.py",
        ) from error
    return [
        Predictor(member.to(device), activation="softmax", preprocess=z_score) for member in members
    ]


def _member(stored: Mapping[str, Tensor], number: int) -> UNet:
    # Stored in half precision to ship small; computed in single precision as trained.
    prefix = f"member{number}."
    network = demo_network()
    network.load_state_dict(
        {
            name.removeprefix(prefix): weight.float()
            for name, weight in stored.items()
            if name.startswith(prefix)
        }
    )
    return network.eval()
