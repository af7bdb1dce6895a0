"""What the accumulator asks of a feature schema; the schemas themselves are the next stage's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["FeatureRules"]


class FeatureRules(Protocol):
    """Which buffers the features need, and how they are measured."""

    @property
    def needs(self) -> frozenset[str]:
        """Buffers to hold; none: the samples' masks alone."""
        ...

    @property
    def regions(self) -> Mapping[str, int] | None:
        """Name -> label in the case's region map."""
        ...

    def measure(self, structure: JudgedStructure) -> dict[str, float]:
        """Return the features of one structure."""
        ...
