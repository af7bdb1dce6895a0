"""Samples that were computed elsewhere and saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from segqc_conformal.errors import InputError
from segqc_conformal.geometry import Grid, check_same_grid
from segqc_conformal.sampling.channels import Channels, check_channels
from segqc_conformal.sampling.evidence_check import check_evidence
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.probability_check import check_probabilities
from segqc_conformal.sampling.sample_files import read_samples
from segqc_conformal.sampling.sampler import no_predictor

__all__ = ["StoredSamples"]

Paths = str | Path | Sequence[str | Path]


@dataclass(frozen=True, init=False)
class StoredSamples:
    """Yield saved samples, reading one at a time.

    Parameters
    ----------
    files : mapping of str to path or list of paths
        Case id -> ``.npz`` (array "probabilities", else "evidence") or ``.npy`` of shape
        ``(samples, classes, *spatial)``, or a list of ``.nii.gz`` files of shape
        ``(x, y, z, classes)``, one per sample, or of nnU-Net's ``.npz`` files, one per fold.
    model_id : str
        Who made the samples; rows of different models are never mixed.
    channels : {"exclusive", "overlapping", "evidence"}
        What the channels of the samples mean: classes that sum to 1, regions that are yes or no
        each by itself, or evidence >= 0 for exclusive classes.

    Raises
    ------
    InputError
        If `model_id` is empty or `channels` unknown; when used: if a case has no file, or its
        samples are not what `channels` says.
    FileFormatError
        When used: if a file is missing, corrupt, truncated or of another kind.
    GeometryError
        When used: if a sample is not on the image's grid.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> sampler = StoredSamples({"c17": "c17.npz"}, model_id="nnunet-v2-fold-all")
    >>> sampler.sampler_id, sampler.model_id(None)
    ('StoredSamples', 'nnunet-v2-fold-all')
    """

    files: Mapping[str, Paths]
    identity: str
    meaning: Channels

    def __init__(
        self, files: Mapping[str, Paths], *, model_id: str, channels: Channels = "exclusive"
    ) -> None:
        if not isinstance(model_id, str) or not model_id:
            raise InputError("model_id as a non-empty string", repr(model_id), "name the model")
        object.__setattr__(self, "files", dict(files))
        object.__setattr__(self, "identity", model_id)
        object.__setattr__(self, "meaning", check_channels(channels))

    @property
    def sampler_id(self) -> str:
        """Name and, unless exclusive, channels; how many samples there are, the files say."""
        exclusive = self.meaning == "exclusive"
        return "StoredSamples" if exclusive else f"StoredSamples(channels={self.meaning!r})"

    def model_id(self, predictor: Predictor | None) -> str:
        """Return the identity given at construction."""
        no_predictor(predictor, self.sampler_id)
        return self.identity

    def channels(self, predictor: Predictor | None) -> Channels:
        """Return what the channels of the samples mean, as given at construction."""
        no_predictor(predictor, self.sampler_id)
        return self.meaning

    def __call__(
        self, predictor: Predictor | None, image: ArrayLike | Tensor, *, case_id: str | None = None
    ) -> Iterator[Tensor]:
        """Yield the saved samples of a case, shape ``(classes, *spatial)``, on the image's grid."""
        no_predictor(predictor, self.sampler_id)
        spatial = tuple(np.shape(image))[1:]
        for path in self._paths(case_id):
            for array in read_samples(path, case_id):
                native = array.astype(array.dtype.newbyteorder("="), copy=False)
                yield self._checked(torch.from_numpy(native), spatial, case_id)

    def _checked(self, sample: Tensor, spatial: tuple[int, ...], case_id: str | None) -> Tensor:
        check_same_grid(Grid(spatial), Grid(tuple(sample.shape[1:])), "saved samples", case_id)
        if self.meaning == "evidence":
            return check_evidence(sample, case_id=case_id)
        exclusive = self.meaning == "exclusive"
        return check_probabilities(sample, exclusive=exclusive, case_id=case_id)

    def _paths(self, case_id: str | None) -> list[Path]:
        if case_id is None or case_id not in self.files:
            raise InputError(
                "a file of samples for this case",
                f"files for {len(self.files)} other cases",
                "add the case to StoredSamples({case_id: path})",
                case_id,
            )
        found = self.files[case_id]
        return [Path(found)] if isinstance(found, str | Path) else [Path(path) for path in found]
