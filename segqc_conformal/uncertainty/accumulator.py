"""The uncertainty accumulator: one streaming pass over the samples of a case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from segqc_conformal.case import check_structures
from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.sampling.probability_check import check_probabilities
from segqc_conformal.uncertainty.bit_planes import BitPlanes
from segqc_conformal.uncertainty.entropy import entropy, mutual_information
from segqc_conformal.uncertainty.label_map import as_label_map, most_probable_label
from segqc_conformal.uncertainty.structure_features import StructureEvidence, structure_features

__all__ = ["UncertaintyAccumulator"]


class UncertaintyAccumulator:
    """Takes samples one at a time; gives maps, the fused mask and features at any time.

    Parameters
    ----------
    structures : mapping of str to int
        Structure name -> label, the index of its channel; one-channel samples are binary, their
        only structure has label 1.
    spacing_mm : tuple of float, optional
        Voxel size per spatial axis; None: ones.

    Notes
    -----
    Guarantee: none. Memory is that of one sample and, per structure, 8 bytes a voxel for each 63
    samples; it does not depend on the number of samples otherwise. Everything stays on the device
    of the first sample. Half precision is upcast to float32 before any logarithm.

    Examples
    --------
    >>> acc = UncertaintyAccumulator({"lesion": 1}, spacing_mm=(1.0,))
    >>> acc.update(np.array([[0.9, 0.8, 0.1]]))
    >>> acc.update(np.array([[0.9, 0.4, 0.1]]))
    >>> acc.fused_mask().tolist(), round(acc.features()["lesion"]["pairwise_dice"], 4)
    ([1, 1, 0], 0.6667)
    """

    def __init__(
        self, structures: Mapping[str, int], spacing_mm: tuple[float, ...] | None = None
    ) -> None:
        self.structures = check_structures(structures)
        self._spacing = None if spacing_mm is None else _checked_spacing(spacing_mm)
        self._planes = {name: BitPlanes() for name in self.structures}
        self._total: Tensor | None = None
        self._p_log_p: Tensor | None = None
        self.samples = 0

    def update(self, sample: ArrayLike | Tensor) -> None:
        """Take one more sample.

        Parameters
        ----------
        sample : array or Tensor of any float dtype, shape ``(classes, *spatial)``
            Probabilities of exclusive classes, or one channel for a binary structure.

        Raises
        ------
        InputError
            For NaN, values outside [0, 1], overlapping regions (sums other than 1), or a
            structure whose label is no class.
        GeometryError
            If the shape is not that of the samples before, or not that of the spacing.
        """
        probabilities = self._checked(sample)
        if self._total is None or self._p_log_p is None:
            self._total = torch.zeros_like(probabilities)
            self._p_log_p = torch.zeros_like(probabilities[0])
        self._total += probabilities
        self._p_log_p -= entropy(probabilities)
        labels = most_probable_label(probabilities)
        for name, label in self.structures.items():
            self._planes[name].add(labels == label)
        self.samples += 1

    def maps(self) -> dict[str, NDArray[np.float32]]:
        """Return the uncertainty maps.

        Returns
        -------
        dict of ndarray of float32
            ``mean_probability`` ``(classes, *spatial)``; ``predictive_entropy``,
            ``expected_entropy`` and ``mutual_information`` ``(*spatial)``, in nats.

        Raises
        ------
        InputError
            If no sample was taken.
        """
        mean, expected = self._means()
        predictive = entropy(mean)
        maps = {
            "mean_probability": mean,
            "predictive_entropy": predictive,
            "expected_entropy": expected,
            "mutual_information": mutual_information(predictive, expected),
        }
        return {name: values.cpu().numpy() for name, values in maps.items()}

    def fused_mask(self) -> NDArray[np.int64]:
        """Return the label map of the largest mean probability, shape ``(*spatial)``.

        Of equal probabilities the lower label wins: a binary voxel at exactly 0.5 is background.
        """
        return most_probable_label(self._means()[0]).cpu().numpy()

    def features(self, mask: ArrayLike | Tensor | None = None) -> dict[str, dict[str, float]]:
        """Return the features of each structure, as `structure_features` defines them.

        Parameters
        ----------
        mask : array or Tensor of int, shape ``(*spatial)``, optional
            The judged label map; None: the fused mask.

        Returns
        -------
        dict of dict of float
            Structure name -> feature name -> finite value.

        Raises
        ------
        InputError
            If no sample was taken, or the mask holds no integers.
        GeometryError
            If the mask is not on the samples' grid.
        """
        mean, expected = self._means()
        labels = most_probable_label(mean) if mask is None else as_label_map(mask, mean.device)
        if labels.shape != expected.shape:
            raise GeometryError(
                f"a judged mask of shape {tuple(expected.shape)}",
                tuple(labels.shape),
                "give the label map on the image's grid",
            )
        spacing = self._spacing or (1.0,) * expected.ndim
        flat_mean, flat_expected = mean.reshape(mean.shape[0], -1), expected.reshape(-1)
        return {
            name: structure_features(
                StructureEvidence(
                    flat_mean,
                    flat_mean[label],
                    flat_expected,
                    self._planes[name],
                    labels == label,
                    spacing,
                )
            )
            for name, label in self.structures.items()
        }

    def _means(self) -> tuple[Tensor, Tensor]:
        if self._total is None or self._p_log_p is None:
            raise InputError("at least one sample", "none", "call update(sample) first")
        return self._total / self.samples, -self._p_log_p / self.samples + 0.0

    def _checked(self, sample: Any) -> Tensor:
        tensor = sample if isinstance(sample, Tensor) else torch.from_numpy(_native(sample))
        if type(tensor) is not Tensor:
            tensor = tensor.as_subclass(Tensor)
        probabilities = check_probabilities(tensor.detach()).float()
        if probabilities.shape[0] == 1:
            probabilities = torch.cat([1.0 - probabilities, probabilities])
        if self._total is None:
            self._check_first(probabilities)
            return probabilities
        if probabilities.shape != self._total.shape:
            raise GeometryError(
                f"samples of one shape {tuple(self._total.shape)}",
                tuple(probabilities.shape),
                "use one accumulator per case, and members with the same classes",
            )
        return probabilities.to(self._total.device)

    def _check_first(self, probabilities: Tensor) -> None:
        classes = probabilities.shape[0]
        if max(self.structures.values()) >= classes:
            raise InputError(
                f"structures with labels below the number of classes, {classes}",
                self.structures,
                "give each structure the index of its channel (a one-channel model has label 1)",
            )
        if self._spacing is not None and len(self._spacing) != probabilities.ndim - 1:
            raise GeometryError(
                f"one spacing for each of {probabilities.ndim - 1} spatial axes",
                self._spacing,
                "give spacing_mm in the order of the image's axes",
            )


def _native(sample: ArrayLike) -> NDArray[Any]:
    # torch reads neither foreign byte orders nor read-only or negatively strided memory.
    array = np.asarray(sample)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return np.array(array, copy=not array.flags.writeable or None, order="C")


def _checked_spacing(spacing_mm: tuple[float, ...]) -> tuple[float, ...]:
    spacing = tuple(float(step) for step in spacing_mm)
    if not spacing or not all(0.0 < step < float("inf") for step in spacing):
        raise InputError(
            "spacing_mm of positive numbers", spacing_mm, "read it from the image header"
        )
    return spacing
