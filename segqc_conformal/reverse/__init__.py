"""Reverse classification accuracy: what a judged mask is worth as the only training example."""

from segqc_conformal.reverse.accuracy import ReverseClassificationAccuracy
from segqc_conformal.reverse.atlas import AtlasRegistration
from segqc_conformal.reverse.backend import ReverseBackend
from segqc_conformal.reverse.columns import ReverseFeatures, with_reverse_features
from segqc_conformal.reverse.image_descriptor import coarse_image
from segqc_conformal.reverse.labelled_image import LabelledImage
from segqc_conformal.reverse.own_segmenter import OwnSegmenter
from segqc_conformal.reverse.voxel_forest import VoxelForest

__all__ = [
    "AtlasRegistration",
    "LabelledImage",
    "OwnSegmenter",
    "ReverseBackend",
    "ReverseClassificationAccuracy",
    "ReverseFeatures",
    "VoxelForest",
    "coarse_image",
    "with_reverse_features",
]
