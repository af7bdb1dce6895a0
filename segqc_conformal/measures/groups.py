"""All groups of measures, and the schemas that each belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from segqc_conformal.measures import (
    agreement,
    agreement_spread,
    entropies,
    intensity,
    label_texture,
    map_means,
    map_regions,
    map_texture,
    margin,
    probabilities,
    shape,
    shape_axes,
    shape_outline,
    shape_place,
    size,
    slice_confidence,
    uncertain_blob,
    voting,
    worst_parts,
)
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["GROUPS", "SCHEMAS", "MeasureGroup", "SchemaName", "SchemaRule"]

SchemaName = Literal["aggregate", "standard", "full"]


class SchemaRule(NamedTuple):
    """A schema's version and the buffers of the accumulator that its features need.

    The number of the version is raised by one when a feature comes, goes or is computed by another
    rule.
    """

    version: str
    needs: frozenset[str]


SCHEMAS: dict[SchemaName, SchemaRule] = {
    "aggregate": SchemaRule("aggregate-1", frozenset()),
    "standard": SchemaRule("standard-1", frozenset({"mean", "expected"})),
    "full": SchemaRule("full-1", frozenset({"mean", "expected", "spread", "logs", "one_vs_rest"})),
}


class MeasureGroup(NamedTuple):
    """Measures that are computed together.

    ``measure`` gives one finite number for each name of ``meanings`` (name -> one line);
    ``needs_grid`` says that flat elements have none of them: no faces, boxes or distances.
    """

    measure: Callable[[JudgedStructure], dict[str, float]]
    meanings: Mapping[str, str]
    schemas: frozenset[SchemaName]
    needs_grid: bool = False


_EVERY: frozenset[SchemaName] = frozenset(SCHEMAS)
_MASKS: frozenset[SchemaName] = frozenset({"aggregate", "full"})
_MAPS: frozenset[SchemaName] = frozenset({"standard", "full"})
_FULL: frozenset[SchemaName] = frozenset({"full"})

GROUPS = (
    MeasureGroup(agreement.agreement, agreement.MEANINGS, _EVERY),
    MeasureGroup(agreement_spread.agreement_spread, agreement_spread.MEANINGS, _MASKS),
    MeasureGroup(voting.voting, voting.MEANINGS, _MASKS),
    MeasureGroup(probabilities.probabilities, probabilities.MEANINGS, _MAPS),
    MeasureGroup(slice_confidence.slice_confidence, slice_confidence.MEANINGS, _FULL, True),
    MeasureGroup(uncertain_blob.uncertain_blob, uncertain_blob.MEANINGS, _FULL, True),
    MeasureGroup(margin.margin, margin.MEANINGS, _FULL, True),
    MeasureGroup(entropies.entropies, entropies.MEANINGS, _MAPS),
    MeasureGroup(map_means.map_means, map_means.MEANINGS, _FULL),
    MeasureGroup(map_regions.by_region, map_regions.PLAIN_MEANINGS, _FULL),
    MeasureGroup(map_regions.by_distance, map_regions.GRID_MEANINGS, _FULL, True),
    MeasureGroup(worst_parts.worst_parts, worst_parts.MEANINGS, _FULL, True),
    MeasureGroup(map_texture.map_texture, map_texture.MEANINGS, _FULL),
    MeasureGroup(size.size, size.MEANINGS, _EVERY),
    MeasureGroup(shape.shape, shape.MEANINGS, _EVERY, True),
    MeasureGroup(shape_axes.shape_axes, shape_axes.MEANINGS, _MASKS, True),
    MeasureGroup(shape_outline.shape_outline, shape_outline.MEANINGS, _MASKS, True),
    MeasureGroup(shape_place.shape_place, shape_place.MEANINGS, _MASKS, True),
    MeasureGroup(intensity.intensity, intensity.MEANINGS, _FULL, True),
    MeasureGroup(label_texture.label_texture, label_texture.MEANINGS, _MASKS, True),
)
