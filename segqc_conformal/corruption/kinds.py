"""The kinds of corruption that need masks alone, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from segqc_conformal.corruption.components import added_components, dropped_components
from segqc_conformal.corruption.deformation import elastic, shift
from segqc_conformal.corruption.morphology import dilation, erosion
from segqc_conformal.corruption.reference_masks import Kind
from segqc_conformal.corruption.slices import dropped_slices

__all__ = ["KINDS"]

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "erosion": erosion,
        "dilation": dilation,
        "elastic": elastic,
        "shift": shift,
        "dropped_components": dropped_components,
        "added_components": added_components,
        "dropped_slices": dropped_slices,
    }
)
