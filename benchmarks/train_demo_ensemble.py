"""Train the demo's ensemble and write its weights: ``python benchmarks/train_demo_ensemble.py``.

Every volume comes from ``training_case``, whose random streams the demo cannot produce. Each member
has a seed and training patients of its own, so that members disagree where they do not know. Each
trains in a process of its own with one thread, so that the number of cores changes nothing but the
time (about 5 minutes on 2 cores). The printed validation Dice is that of the weights as stored.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from monai.losses import DiceCELoss
from safetensors.torch import save_file
from torch import Tensor
from torch.optim.lr_scheduler import OneCycleLR

from segqc_conformal.demo.cohort import STRUCTURES, training_case
from segqc_conformal.demo.ensemble import MEMBERS, WEIGHTS, demo_network, z_score
from segqc_conformal.dice import dice

TRAINING_PATIENTS = 240
VALIDATION_PATIENTS = 40
VALIDATION_SEED = 1_000
BATCH = 2
LEARNING_RATE = 3e-3


def load_cases(seed: int, count: int) -> tuple[Tensor, Tensor]:
    """Return images ``(count, 1, *spatial)`` and label maps of the same shape."""
    cases = [training_case(seed, index) for index in range(count)]
    images = [z_score(torch.from_numpy(case.channels_first())) for case in cases]
    labels = [torch.from_numpy(case.reference)[None] for case in cases]
    return torch.stack(images), torch.stack(labels)


def train_member(seed: int, steps: int) -> dict[str, Tensor]:
    """Train one member on its own patients; return its weights in half precision."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    network = demo_network().train()
    images, labels = load_cases(seed, TRAINING_PATIENTS)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE)
    schedule = OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    loss_of = DiceCELoss(to_onehot_y=True, softmax=True)
    for _ in range(steps):
        batch = torch.randint(TRAINING_PATIENTS, (BATCH,))
        loss = loss_of(network(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return {name: weight.half() for name, weight in network.state_dict().items()}


def validation_dice(weights: dict[str, Tensor], images: Tensor, labels: Tensor) -> list[float]:
    """Mean Dice of each structure, computed with the weights as stored."""
    network = demo_network().eval()
    network.load_state_dict({name: weight.float() for name, weight in weights.items()})
    with torch.inference_mode():
        masks = torch.cat([network(image[None]) for image in images]).argmax(dim=1).numpy()
    references = labels[:, 0].numpy()
    return [
        float(np.mean([dice(m == k, r == k) for m, r in zip(masks, references, strict=True)]))
        for k in STRUCTURES.values()
    ]


def main() -> None:
    """Train all members, print their validation Dice, write one file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--steps", type=int, default=900, help="per member")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    started = perf_counter()
    validation = load_cases(VALIDATION_SEED, VALIDATION_PATIENTS)
    stored: dict[str, Tensor] = {}
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        trained = pool.map(partial(train_member, steps=options.steps), range(MEMBERS))
        for member, weights in enumerate(trained):
            found = zip(STRUCTURES, validation_dice(weights, *validation), strict=True)
            text = ", ".join(f"{name} {value:.3f}" for name, value in found)
            print(f"member {member}: validation Dice {text} ({perf_counter() - started:.0f} s)")
            stored |= {f"member{member}.{name}": weight for name, weight in weights.items()}
    save_file(stored, options.out)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
