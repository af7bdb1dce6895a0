"""Reverse segmentation by a voxel classifier, trained on the judged case alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.errors import InputError
from segqc_conformal.reverse.labelled_image import LabelledImage
from segqc_conformal.reverse.voxel_features import voxel_features

__all__ = ["VoxelForest"]


@dataclass(frozen=True)
class VoxelForest:
    """Train a random forest on the voxels of the judged case; apply it to the references.

    Parameters
    ----------
    trees : int
        >= 1.
    voxels_per_label : int
        >= 1: of each label, background included, at most so many voxels train, drawn at random.
    scales_mm : tuple of float
        Of the Gaussians of `voxel_features`, > 0.
    smallest_leaf : int
        >= 1 training voxels.
    seed : int

    Raises
    ------
    InputError
        For a setting out of its range.

    Notes
    -----
    Each class weighs the same in the training, as many of its voxels as were drawn; the result is
    the most likely class weighed by how common it is in the judged mask, or small structures would
    be too large everywhere. Guarantee: none; the same seed gives the same label maps. Source:
    Valindria et al. (2017), whose forest was an atlas forest; this one knows places as well.
    """

    trees: int = 40
    voxels_per_label: int = 1500
    scales_mm: tuple[float, ...] = (1.0, 2.0, 4.0)
    smallest_leaf: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings."""
        counts = (self.trees, self.voxels_per_label, self.smallest_leaf)
        if min(counts) < 1 or not all(0.0 < scale < np.inf for scale in self.scales_mm):
            raise InputError(
                "trees, voxels_per_label and smallest_leaf >= 1, and scales_mm > 0",
                f"{counts}, {self.scales_mm}",
                "correct them",
            )

    def label_maps(
        self, case: LabelledImage, references: Sequence[LabelledImage]
    ) -> list[NDArray[np.int64]]:
        """Train on the case; classify every voxel of each reference."""
        names, labels = np.unique(case.labels, return_inverse=True)
        if len(names) == 1:
            return [np.full(one.labels.shape, names[0]) for one in references]
        forest, shares = self._trained(voxel_features(case, self.scales_mm), labels.ravel())
        found = []
        for one in references:
            chances = forest.predict_proba(voxel_features(one, self.scales_mm)) * shares
            found.append(np.asarray(names[chances.argmax(axis=1)].reshape(one.labels.shape)))
        return found

    def _trained(
        self, seen: NDArray[np.float32], labels: NDArray[np.intp]
    ) -> tuple[Any, NDArray[np.float64]]:
        """Return the forest, and what each class counts beside its share of the training."""
        from sklearn.ensemble import RandomForestClassifier

        rng = np.random.default_rng(self.seed)
        drawn = [
            rng.permutation(np.flatnonzero(labels == label))[: self.voxels_per_label]
            for label in range(int(labels.max()) + 1)
        ]
        forest = RandomForestClassifier(
            self.trees, min_samples_leaf=self.smallest_leaf, random_state=self.seed
        )
        rows = np.concatenate(drawn)
        forest.fit(seen[rows], labels[rows])
        return forest, np.bincount(labels) / np.array([len(part) for part in drawn])
