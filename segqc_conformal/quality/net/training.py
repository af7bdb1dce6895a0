"""The training loop: plain PyTorch, stopped early on patients that do not train."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from math import cos, inf, pi
from pathlib import Path

import torch
from torch import Tensor

from segqc_conformal.quality.net.batches import Batch, batches, in_order
from segqc_conformal.quality.net.checkpoint import read_checkpoint, write_checkpoint
from segqc_conformal.quality.net.head import Head
from segqc_conformal.quality.net.network import Network
from segqc_conformal.quality.net.prepared import Prepared

__all__ = ["Schedule", "TrainingState", "train"]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a net trains; see `QualityNet`."""

    epochs: int
    patience: int
    learning_rate: float
    batch_size: int
    flips: bool
    seed: int


@dataclass(eq=False)
class TrainingState:
    """Everything that changes while a net trains; what a checkpoint holds."""

    network: Network
    optimiser: torch.optim.AdamW
    best: dict[str, Tensor]
    epoch: int = 0
    best_epoch: int = 0
    best_loss: float = inf
    history: list[dict[str, float]] = field(default_factory=list)


def train(
    network: Network,
    heads: Sequence[Head],
    training: Sequence[Prepared],
    validation: Sequence[Prepared],
    schedule: Schedule,
    device: torch.device,
    progress: Callable[[str], None] | None = None,
    checkpoint: Path | None = None,
    identity: str = "",
) -> TrainingState:
    """Train until the loss on the validation cases has not fallen for `patience` epochs.

    Parameters
    ----------
    network : Network
        Changed in place; its best weights are those of ``best``.
    training, validation : sequence of Prepared
        Of different patients.
    checkpoint : path, optional
        Written after each epoch; where there is one, training goes on from it.
    identity : str
        What the checkpoint must be of: settings and data.

    Notes
    -----
    The losses of several heads are added, each relative to what it is before the first step, when
    all heads give the mean of the training targets.
    Guarantee: on one CPU and with equal numbers of threads the weights depend on settings and data
    alone, also where training was interrupted. Mixed precision (bfloat16) on a GPU only.
    """
    for head in heads:
        targets = torch.cat([case.targets[head.kind] for case in training])
        head.prepare(network.heads[head.kind], targets)
    network.to(device)
    weights = _weights(network, heads, training, schedule.batch_size, device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=schedule.learning_rate)
    state = TrainingState(network, optimiser, copy.deepcopy(network.state_dict()))
    if checkpoint is not None and checkpoint.exists():
        read_checkpoint(checkpoint, state, identity)
    while state.epoch < schedule.epochs and state.epoch - state.best_epoch < schedule.patience:
        _one_epoch(state, weights, training, validation, schedule, device)
        if progress is not None:
            progress(_words(state, schedule.epochs))
        if checkpoint is not None:
            write_checkpoint(checkpoint, state, identity)
    return state


def _one_epoch(
    state: TrainingState,
    weights: Sequence[tuple[Head, float]],
    training: Sequence[Prepared],
    validation: Sequence[Prepared],
    schedule: Schedule,
    device: torch.device,
) -> None:
    network, size, losses = state.network, schedule.batch_size, []
    for group in state.optimiser.param_groups:
        share = state.epoch / schedule.epochs
        group["lr"] = schedule.learning_rate * 0.5 * (1.0 + cos(pi * share))
    network.train()
    for batch in batches(training, size, device, schedule.seed, state.epoch, schedule.flips):
        state.optimiser.zero_grad(set_to_none=True)
        loss = _loss(network, weights, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        state.optimiser.step()
        losses.append((float(loss.detach()), len(batch.inputs)))
    network.eval()
    with torch.no_grad():
        checked = [
            (float(_loss(network, weights, batch)), len(batch.inputs))
            for batch in in_order(validation, size, device)
        ]
    state.epoch += 1
    state.history.append({"training": _mean(losses), "validation": _mean(checked)})
    if state.history[-1]["validation"] < state.best_loss:
        state.best_loss, state.best_epoch = state.history[-1]["validation"], state.epoch
        state.best = copy.deepcopy(network.state_dict())


def _weights(
    network: Network,
    heads: Sequence[Head],
    training: Sequence[Prepared],
    size: int,
    device: torch.device,
) -> list[tuple[Head, float]]:
    """Weigh the loss of each head by one over what it is before anything was learned."""
    if len(heads) == 1:
        return [(heads[0], 1.0)]
    network.eval()
    weighed = []
    with torch.no_grad():
        for head in heads:
            losses = [
                (float(_loss(network, [(head, 1.0)], batch)), len(batch.inputs))
                for batch in in_order(training, size, device)
            ]
            weighed.append((head, 1.0 / max(_mean(losses), 1e-6)))
    return weighed


def _loss(network: Network, weights: Sequence[tuple[Head, float]], batch: Batch) -> Tensor:
    cuda = batch.inputs.device.type == "cuda"
    with torch.autocast("cuda", torch.bfloat16) if cuda else nullcontext():
        outputs = network(batch.inputs)
    each = [
        weight
        * head.loss(network.heads[head.kind], outputs[head.kind].float(), batch.targets[head.kind])
        for head, weight in weights
    ]
    return torch.stack(each).sum()


def _mean(losses: Sequence[tuple[float, int]]) -> float:
    return sum(loss * items for loss, items in losses) / sum(items for _, items in losses)


def _words(state: TrainingState, epochs: int) -> str:
    last = state.history[-1]
    return (
        f"epoch {state.epoch} of at most {epochs}: loss {last['training']:.4f}, on validation "
        f"patients {last['validation']:.4f} (best {state.best_loss:.4f}, epoch {state.best_epoch})"
    )
