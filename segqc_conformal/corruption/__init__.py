"""Training masks of every quality: reference masks corrupted to a requested Dice histogram.

Corrupted masks may train, never calibrate: a case of one is marked, and so are its rows of the
feature table, which everything that calibrates, judges, logs or evaluates refuses.
"""

from segqc_conformal.corruption.components import added_components, dropped_components
from segqc_conformal.corruption.corrupted_cases import CorruptedCase, CorruptedCases
from segqc_conformal.corruption.corrupting import corrupt
from segqc_conformal.corruption.deformation import elastic, shift
from segqc_conformal.corruption.dice_histogram import DiceHistogram
from segqc_conformal.corruption.kinds import KINDS
from segqc_conformal.corruption.model_masks import augmented_images, half_trained
from segqc_conformal.corruption.morphology import dilation, erosion
from segqc_conformal.corruption.reference_masks import Kind, MaskPath, ReferenceMasks
from segqc_conformal.corruption.slices import dropped_slices

__all__ = [
    "KINDS",
    "CorruptedCase",
    "CorruptedCases",
    "DiceHistogram",
    "Kind",
    "MaskPath",
    "ReferenceMasks",
    "added_components",
    "augmented_images",
    "corrupt",
    "dilation",
    "dropped_components",
    "dropped_slices",
    "elastic",
    "erosion",
    "half_trained",
    "shift",
]
