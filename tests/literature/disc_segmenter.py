"""A tiny network that finds bright discs in noise, and images on which it is right or wrong."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import torch
from monai.networks.nets import UNet
from numpy.typing import NDArray

import segqc_conformal as sq

__all__ = ["disc_image", "dropout_table", "trained"]

SIDE, STEPS = 24, 60


def disc_image(
    rng: np.random.Generator, noise: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return a bright disc in noise, with a channel axis, and where it is."""
    centre, radius = rng.uniform(9, 15, 2), rng.uniform(4, 8)
    grid = np.indices((SIDE, SIDE))
    disc = ((grid - centre[:, None, None]) ** 2).sum(axis=0) <= radius**2
    return (disc + rng.normal(0.0, noise, disc.shape)).astype(np.float32)[None], disc


@cache
def trained(seed: int, dropout: float = 0.0) -> sq.Predictor:
    """Train on little noise, from one start, in less than a second."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    settings = {"channels": (4, 8), "strides": (2,), "num_res_units": 1, "dropout": dropout}
    network = UNet(2, 1, 2, **settings)
    optimiser = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(STEPS):
        pairs = [disc_image(rng, rng.uniform(0.1, 0.5)) for _ in range(8)]
        images = torch.tensor(np.stack([image for image, _ in pairs]))
        labels = torch.tensor(np.stack([disc for _, disc in pairs])).long()
        loss = torch.nn.functional.cross_entropy(network(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return sq.Predictor(network.eval(), activation="softmax")


@cache
def dropout_table(cases: int = 60) -> pd.DataFrame:
    """Segment discs in more and less noise with dropout on; one row for each, with its Dice."""
    rng, images = np.random.default_rng(1), []
    for number in range(cases):
        image, disc = disc_image(rng, rng.uniform(0.1, 1.4))
        ids = {"case_id": f"c{number}", "patient_id": f"p{number}"}
        images.append(sq.Case(image, reference=disc.astype(int), spacing_mm=(1.0, 1.0), **ids))
    return sq.extract_features(
        images,
        trained(0, dropout=0.2),
        sq.MCDropout(samples=8, batch=8),
        structures={"disc": 1},
        schema=sq.FeatureSchema("full"),
        progress=False,
    )
