"""Settings of a quality net, and how cases become a fitted one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from segqc_conformal.case import check_structures
from segqc_conformal.patients import pseudonym
from segqc_conformal.quality.net.case_head import CaseHead
from segqc_conformal.quality.net.fitted import FittedQualityNet
from segqc_conformal.quality.net.head import Head
from segqc_conformal.quality.net.net_checks import check_settings
from segqc_conformal.quality.net.net_identity import training_identity
from segqc_conformal.quality.net.network import Network
from segqc_conformal.quality.net.prepared import Prepared, Preparing
from segqc_conformal.quality.net.quality_case import QualityCase
from segqc_conformal.quality.net.training import Schedule, train
from segqc_conformal.quality.net.validation import checked_validation, split_for_stopping
from segqc_conformal.sampling.random_state import kept_random_state, seed_torch

__all__ = ["QualityNet"]


@dataclass(frozen=True)
class QualityNet:
    """Settings of a network that predicts quality from images; `fit` makes the one that predicts.

    Parameters
    ----------
    structures : mapping of str to int
        Structure name -> label.
    inputs : sequence of str
        What it sees: "image", "mask" (one channel for each structure), and names of maps or of
        hooked features.
    heads : sequence of Head
        What it predicts, one of each kind: `CaseHead`, `PatchHead`, `VoxelHead`, `GoodHead`,
        `GradeHead`; or `SliceHead` alone.
    dimensions : {2, 3}
        Axes of its convolutions. With 2 and a slice head it takes volumes, slice by slice.
    grid : tuple of int
        Its grid, one number per dimension, each divisible by ``2 ** len(channels)``. Longer axes of
        a case are averaged down to it, shorter ones stand in the middle of zeros.
    channels : tuple of int
        Channels of each level of the encoder; each level halves the grid.
    margin_mm : float, optional
        See the judged mask's box and this margin around it; None: the whole image.
    slice_axis : int
        With a slice head: the axis of a volume across which its slices lie.
    epochs, patience : int
        At most so many epochs; stop when the loss on the validation patients has not fallen for
        `patience` of them.
    learning_rate : float
        Of AdamW, at the start; it falls to 0 as half a cosine over `epochs`.
    batch_size : int
        Items (cases or slices) a step.
    flips : bool
        Mirror training items at random.
    seed : int
        Of the weights, the order, the flips and the validation patients.

    Raises
    ------
    InputError
        For settings that do not fit together.

    Notes
    -----
    Guarantee: none by itself; its outputs are features, and the calibrators make promises of them.
    Sources: Robinson et al., MICCAI 2018; Qiu et al. (2025); Fournel et al. (2021).

    Examples
    --------
    >>> QualityNet({"lesion": 1}, grid=(32, 32, 32)).inputs
    ('image', 'mask', 'predictive_entropy')
    """

    structures: Mapping[str, int]
    inputs: Sequence[str] = ("image", "mask", "predictive_entropy")
    heads: Sequence[Head] = field(default=(CaseHead(),))
    dimensions: int = 3
    grid: tuple[int, ...] = (32, 32, 32)
    channels: tuple[int, ...] = (8, 16, 32, 64)
    margin_mm: float | None = None
    slice_axis: int = -1
    epochs: int = 25
    patience: int = 8
    learning_rate: float = 3e-3
    batch_size: int = 16
    flips: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings once."""
        object.__setattr__(self, "structures", check_structures(self.structures))
        for name in ("inputs", "heads", "grid", "channels"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_settings(self)

    def fit(
        self,
        cases: Sequence[QualityCase],
        validation: Sequence[QualityCase] | None = None,
        device: str | torch.device | None = None,
        progress: Callable[[str], None] | None = None,
        checkpoint: str | Path | None = None,
    ) -> FittedQualityNet:
        """Train on cases with a reference; corrupted ones are welcome.

        Parameters
        ----------
        cases : sequence of QualityCase
            Each is read once, one after the other; what is kept of it is its inputs on the grid, in
            half precision.
        validation : sequence of QualityCase, optional
            Cases to stop by, of patients that do not train, not corrupted. None: a fifth of the
            patients of `cases` is set aside.
        device : str or torch.device, optional
            None: a CUDA GPU where there is one, else the CPU.
        progress : callable, optional
            Called with a sentence for each case read and each epoch.
        checkpoint : path, optional
            A ``.safetensors`` file, written after each epoch. Where it exists, training goes on.

        Returns
        -------
        FittedQualityNet

        Raises
        ------
        InputError
            For cases without a target or with an id that comes twice, for validation patients that
            train, and for a checkpoint of other settings or data.

        Notes
        -----
        Guarantee: on a CPU, with equal numbers of threads, the same settings and cases give the
        same weights, also where training was interrupted and went on. The caller's random state is
        kept.
        """
        prepared = self.preparing.prepare_all(cases, progress)
        aside = None if validation is None else self.preparing.prepare_all(validation, progress)
        return self.fit_prepared(prepared, aside, device, progress, checkpoint)

    def fit_prepared(
        self,
        cases: Sequence[Prepared],
        validation: Sequence[Prepared] | None = None,
        device: str | torch.device | None = None,
        progress: Callable[[str], None] | None = None,
        checkpoint: str | Path | None = None,
    ) -> FittedQualityNet:
        """Train as `fit` does, on cases that `preparing` brought to the grid before."""
        patients = {pseudonym(case.patient_id) for case in cases}
        if validation is None:
            cases, validation = split_for_stopping(cases, self.seed)
        checked_validation(cases, validation)
        patients |= {pseudonym(case.patient_id) for case in validation}
        with kept_random_state():
            seed_torch(self.seed)
            network = self.network(cases[0].widths)
        state = train(
            network,
            self.heads,
            cases,
            validation,
            self._schedule,
            _device(device),
            progress,
            None if checkpoint is None else Path(checkpoint),
            "" if checkpoint is None else training_identity(self, cases, validation),
        )
        weights = {name: value.detach().cpu() for name, value in state.best.items()}
        return FittedQualityNet(
            self, cases[0].widths, weights, tuple(sorted(patients)), tuple(state.history)
        )

    @property
    def preparing(self) -> Preparing:
        """How cases become items of this net."""
        slices = any(head.kind == "slice" for head in self.heads)
        return Preparing(
            tuple(self.inputs),
            tuple(self.heads),
            dict(self.structures),
            self.grid,
            self.margin_mm,
            self.slice_axis if slices else None,
        )

    def network(self, widths: Mapping[str, int]) -> Network:
        """Make the untrained network for inputs of so many channels."""
        channels = sum(widths.values())
        return Network(self.dimensions, channels, self.channels, self.heads, len(self.structures))

    @property
    def _schedule(self) -> Schedule:
        return Schedule(
            self.epochs,
            self.patience,
            self.learning_rate,
            self.batch_size,
            self.flips,
            self.seed,
        )


def _device(device: str | torch.device | None) -> torch.device:
    if device is not None:
        return torch.device(device)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
