"""Everything that is kept of the samples of one case."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from segqc_conformal.uncertainty import fast as compiled
from segqc_conformal.uncertainty.bit_planes import BITS, BitPlanes
from segqc_conformal.uncertainty.buffers import Buffers, empty_buffers
from segqc_conformal.uncertainty.label_map import most_probable_label
from segqc_conformal.uncertainty.label_votes import votes
from segqc_conformal.uncertainty.layout import Layout
from segqc_conformal.uncertainty.moments import add_one_vs_rest, add_sample
from segqc_conformal.uncertainty.sample_masks import add_masks
from segqc_conformal.uncertainty.voxel_runs import voxel_runs

__all__ = ["TakenSamples"]


class TakenSamples:
    """The buffers and bits of a growing number of samples on one device.

    Parameters
    ----------
    layout : Layout
    labels : tuple of int
        Of the structures.
    needs : frozenset of str
        Buffers to hold, and "votes" for the masks of all labels; none: these masks alone.
    device : torch.device
    fast : bool
        Whether the compiled update is used: one group, on a CPU.

    Notes
    -----
    Guarantee: none. Attributes: ``layout``, ``device``, ``buffers``, ``samples``, and
    ``interrupted``: a sample was taken in part only.

    Examples
    --------
    >>> layout = Layout("exclusive", 1, (3,))
    >>> taken = TakenSamples(layout, (1,), frozenset({"mean"}), torch.device("cpu"), fast=False)
    >>> taken.take(torch.tensor([[0.9, 0.5, 0.1]]))
    >>> taken.fused().tolist(), taken.planes(1).votes().tolist()
    ([[1, 0, 0]], [1, 0, 0])
    """

    def __init__(
        self,
        layout: Layout,
        labels: tuple[int, ...],
        needs: frozenset[str],
        device: torch.device,
        *,
        fast: bool,
    ) -> None:
        # Without a mean the fused mask is a vote, in which every label takes part.
        self._kept = layout.labels if "votes" in needs or not needs else labels
        self._rows = tuple(layout.row(label) for label in self._kept)
        self._fast = fast
        self.layout = layout
        self.device = device
        self.buffers: Buffers = empty_buffers(needs, layout, labels, device)
        self.samples = 0
        self.interrupted = False

    @property
    def held(self) -> frozenset[str]:
        """Names of the buffers that are held; "votes" where each label has its masks."""
        every = set(self._kept) == set(self.layout.labels)
        return self.buffers.held | ({"votes"} if every else set())

    def take(self, sample: Tensor) -> None:
        """Take one more sample, checked before: ``(channels, *spatial)`` of any float dtype."""
        values = sample.flatten(1).to(self.device)
        self.interrupted = True
        bit = self.samples % BITS
        if bit == 0:
            shape = (len(self._kept), values.shape[1])
            word = torch.zeros(shape, dtype=torch.uint8, device=self.device)
            self.buffers = replace(self.buffers, words=(*self.buffers.words, word))
        if self._fast:
            self._take_compiled(values)
        else:
            self._take_in_runs(values, bit)
        self.samples += 1
        self.interrupted = False

    def fused(self) -> Tensor:
        """Return the most probable label of each group: int64, shape ``(groups, voxels)``."""
        widest = self.buffers.widest
        voxels = widest.shape[-1]
        labels = torch.empty((self.layout.groups, voxels), dtype=torch.int64, device=self.device)
        for run in voxel_runs(voxels, widest.shape[:-1].numel(), self.device):
            part = self.buffers.part(run)
            chosen = part.mean if part.evidence is None else part.evidence
            if chosen is None:
                chosen = votes(part, self.samples, self.layout.groups)
            labels[:, run] = most_probable_label(chosen.transpose(0, 1))
        return labels

    def planes(self, label: int) -> BitPlanes:
        """Return the samples' masks of one structure."""
        place = self._kept.index(label)
        return BitPlanes([word[place] for word in self.buffers.words], self.samples)

    def _take_in_runs(self, values: Tensor, bit: int) -> None:
        width = self.layout.groups * self.layout.classes
        for run in voxel_runs(values.shape[1], width, self.device):
            part = self.buffers.part(run)
            sample = self.layout.grouped(values[:, run].float())
            add_sample(part, sample, self.samples)
            add_masks(part.words[-1], sample, self._rows, bit)

    def _take_compiled(self, values: Tensor) -> None:
        sample = self.layout.grouped(values.float())[0].contiguous()
        mean, spread, logs, expected = (
            None if held is None else held[0].numpy()
            for held in (
                self.buffers.mean,
                self.buffers.spread,
                self.buffers.logs,
                self.buffers.expected,
            )
        )
        words, labels = self.buffers.words[-1].numpy(), np.array(self._rows, dtype=np.int64)
        compiled.update(sample.numpy(), mean, spread, logs, expected, words, labels, self.samples)
        if self.buffers.one_vs_rest is not None:
            for run in voxel_runs(values.shape[1], sample.shape[0], self.device):
                one_vs_rest = self.buffers.one_vs_rest[:, run]
                add_one_vs_rest(one_vs_rest, sample[:, run], self.buffers.rows)
