"""What `segqc doctor` is asked to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from segqc_conformal.sampling.channels import Channels

__all__ = ["Subjects"]


@dataclass(frozen=True, kw_only=True)
class Subjects:
    """What is to be looked at; what is left out is not.

    Parameters
    ----------
    folder : path, optional
        Saved probabilities or images, whichever it holds.
    images, masks, references : path, optional
        Folders, as in `find_cases`.
    case_list : path, optional
        As `read_case_list` takes it.
    training : path, optional
        Table with the column ``patient_id`` of the patients that trained the model.
    structures : mapping of str to int, optional
        Labels that masks should hold.
    models : sequence of torch.nn.Module or path of a ``.pt2`` file
        Run on the first image that can be read; several are the members of an ensemble.
    activation : str
        What the models' output needs, as in `Predictor`.
    channels : {"exclusive", "overlapping", "evidence"}
        What the channels of saved probabilities mean.
    spacing_mm : tuple of float, optional
        Voxel size of ``.npz`` probabilities where no file holds it.
    calibration : path, optional
        A calibration folder.
    log : str, optional
        URL of a case log.
    out : path, optional
        The folder of results.

    Notes
    -----
    Guarantee: none.
    """

    folder: Path | None = None
    images: Path | None = None
    masks: Path | None = None
    references: Path | None = None
    case_list: Path | None = None
    training: Path | None = None
    structures: Mapping[str, int] | None = None
    models: Sequence[nn.Module | Path] = ()
    activation: str = "softmax"
    channels: Channels = "exclusive"
    spacing_mm: tuple[float, ...] | None = None
    calibration: Path | None = None
    log: str | None = None
    out: Path | None = None

    @property
    def labels(self) -> dict[str, int]:
        """Structure name -> label; empty where none were named."""
        return dict(self.structures or {})
