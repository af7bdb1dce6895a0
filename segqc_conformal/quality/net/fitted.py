"""A fitted quality net: it predicts, and is saved and loaded without pickle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from segqc_conformal.errors import InputError
from segqc_conformal.quality.net.head import HeadOutput, SeenCase
from segqc_conformal.quality.net.network import Network
from segqc_conformal.quality.net.prediction import QualityPrediction
from segqc_conformal.quality.net.quality_case import QualityCase

if TYPE_CHECKING:
    from segqc_conformal.quality.net.quality_net import QualityNet

__all__ = ["FittedQualityNet"]

MOST_ITEMS = 64  # slices of a case in one forward pass


@dataclass(frozen=True, eq=False)
class FittedQualityNet:
    """A fitted quality net; `QualityNet.fit` makes it.

    Parameters
    ----------
    settings : QualityNet
    widths : dict of str to int
        Channels of each input.
    weights : dict of str to Tensor
        On the CPU.
    patients : tuple of str
        Pseudonyms of the patients that trained it or stopped its training.
    history : tuple of dict
        Loss on training and validation patients, epoch by epoch.

    Notes
    -----
    Guarantee: none by itself.
    """

    settings: QualityNet
    widths: dict[str, int]
    weights: dict[str, Tensor]
    patients: tuple[str, ...]
    history: tuple[dict[str, float], ...]

    def predict(self, case: QualityCase) -> QualityPrediction:
        """Predict the quality of one case, on a CUDA GPU where there is one.

        Raises
        ------
        InputError
            If the case lacks an input, or has other channels or axes than the training cases.

        Notes
        -----
        Guarantee: none. The reference of the case, if it has one, is not looked at.
        """
        seen, inputs = self.items(case)
        outputs = self._outputs(inputs)
        said = [
            head.output(self.module.heads[head.kind], outputs[head.kind], seen)
            for head in self.settings.heads
        ]
        names = list(seen.structures)
        features = {
            structure: {
                name: float(values[row]) for one in said for name, values in one.features.items()
            }
            for row, structure in enumerate(names)
        }
        maps = {name: values for one in said for name, values in one.maps.items()}
        return QualityPrediction(case.case_id, features, maps, _slices(case.case_id, names, said))

    def embedding(self, case: QualityCase) -> NDArray[np.float64]:
        """Return the pooled activations of the deepest level, ``(2 * channels[-1],)``.

        Of a case seen slice by slice, their mean over the slices.
        """
        _, inputs = self.items(case)
        with torch.no_grad():
            pooled = self.module.encoder(inputs.float()).pooled
        return np.asarray(pooled.mean(dim=0).cpu().double().numpy())

    def save(self, folder: str | Path) -> Path:
        """Write the net into a folder, as ``net.safetensors`` and ``net.json``; never pickle.

        Notes
        -----
        Guarantee: `load` gives the same outputs, bit for bit, on the same kind of machine.
        """
        from segqc_conformal.quality.net.stored_net import save_net

        return save_net(self, folder)

    @classmethod
    def load(cls, folder: str | Path) -> FittedQualityNet:
        """Read what `save` wrote.

        Raises
        ------
        FileFormatError
            If a file is missing or cannot be read.
        TamperedError
            If any byte is not what was saved.

        Notes
        -----
        Guarantee: nothing in the files is run as code.
        """
        from segqc_conformal.quality.net.stored_net import load_net

        return load_net(folder)

    def items(self, case: QualityCase) -> tuple[SeenCase, Tensor]:
        """Return the case with its view, and the items that the network takes of it."""
        preparing = self.settings.preparing
        seen = preparing.seen(case)
        inputs, widths = preparing.items(seen)
        if widths != self.widths:
            raise InputError(
                f"inputs with {self.widths} channels, as in training",
                widths,
                "give the case the same channels",
                case.case_id,
            )
        return seen, inputs.to(self._device)

    @cached_property
    def module(self) -> Network:
        """The network with its weights, in evaluation mode."""
        network = self.settings.network(self.widths)
        network.load_state_dict(self.weights)
        network.requires_grad_(False)
        return network.to(self._device).eval()

    @property
    def _device(self) -> torch.device:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def _outputs(self, inputs: Tensor) -> dict[str, Tensor]:
        parts: list[dict[str, Tensor]] = []
        with torch.no_grad():
            for start in range(0, len(inputs), MOST_ITEMS):
                parts.append(self.module(inputs[start : start + MOST_ITEMS].float()))
        return {kind: torch.cat([part[kind] for part in parts]).cpu() for kind in parts[0]}


def _slices(case_id: str, structures: Sequence[str], said: Sequence[HeadOutput]) -> pd.DataFrame:
    numbers = {name: values for one in said for name, values in one.slices.items()}
    if not numbers:
        return pd.DataFrame()
    count = next(iter(numbers.values())).shape[1]
    return pd.DataFrame(
        {
            "case_id": case_id,
            "structure": np.repeat(list(structures), count),
            "slice": np.tile(np.arange(count), len(structures)),
            **{name: values.ravel() for name, values in numbers.items()},
        }
    )
