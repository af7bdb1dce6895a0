"""What the caller says of a case beside its samples: checked once, when the accumulator starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.uncertainty.feature_rules import FeatureRules

__all__ = [
    "check_grid",
    "checked_names",
    "checked_region_map",
    "checked_rules",
    "checked_spacing",
    "checked_weights",
]


def checked_spacing(
    spacing_mm: tuple[float, ...] | None, weights: NDArray[np.float64] | None
) -> tuple[float, ...] | None:
    """Return a spacing as floats; elements with weights have none.

    Examples
    --------
    >>> checked_spacing((1, 2), None)
    (1.0, 2.0)
    """
    if spacing_mm is None:
        return None
    spacing = tuple(float(step) for step in spacing_mm)
    if not spacing or not all(0.0 < step < float("inf") for step in spacing):
        raise InputError(
            "spacing_mm of positive numbers", spacing_mm, "read it from the image header"
        )
    if weights is not None and spacing != (1.0,):
        raise InputError(
            "spacing_mm or element_weights",
            "both",
            "leave spacing_mm out: the weight of an element is its size",
        )
    return spacing


def checked_weights(weights: ArrayLike | None) -> NDArray[np.float64] | None:
    """Return element weights as a flat array of positive float64.

    Examples
    --------
    >>> checked_weights([1, 2.5]).tolist()
    [1.0, 2.5]
    """
    if weights is None:
        return None
    array = np.array(weights, dtype=np.float64)
    if array.ndim != 1 or array.size == 0 or not (np.isfinite(array) & (array > 0)).all():
        raise InputError(
            "element_weights (elements,) of finite numbers > 0",
            f"shape {array.shape}, values from {array.min(initial=np.inf):.6g}",
            "give the area or volume of each element, in the samples' order",
        )
    return array


def checked_region_map(
    region_map: ArrayLike | None, regions: Mapping[str, int] | None
) -> NDArray[np.int64] | None:
    """Return a region map as int64 labels; a schema with regions needs one.

    Examples
    --------
    >>> checked_region_map(np.array([0, 2], dtype=np.uint8), {"apex": 2}).tolist()
    [0, 2]
    """
    if region_map is None:
        if regions:
            raise InputError(
                f"a region_map with the schema's regions {dict(regions)}",
                "None",
                "give the labels of the regions: Case(region_map=...), or "
                "UncertaintyAccumulator(region_map=...)",
            )
        return None
    array = np.asarray(region_map)
    if array.dtype.kind not in "iub":
        raise InputError(
            "a region_map of integers", f"dtype {array.dtype}", "give the labels of the regions"
        )
    return array.astype(np.int64)


def checked_rules(schema: FeatureRules | None) -> FeatureRules:
    """Return the schema, or the standard one.

    Examples
    --------
    >>> checked_rules(None).version
    'standard-1'
    """
    if schema is None:
        # The one place where this stage reaches forward: the default of a public argument.
        from segqc_conformal.measures.schema import STANDARD

        return STANDARD
    if not callable(getattr(schema, "measure", None)):
        raise InputError(
            "schema as a FeatureSchema", repr(schema), f"write FeatureSchema({schema!r})"
        )
    return schema


def checked_names(names: Iterable[str], known: Mapping[str, object], asked: str) -> tuple[str, ...]:
    """Return the map names asked for; the word "all" stands for every one.

    Examples
    --------
    >>> checked_names("all", {"epkl": 0, "rmi": 0}, "maps")
    ('epkl', 'rmi')
    """
    wanted = (
        tuple(known) if names == "all" else (names,) if isinstance(names, str) else tuple(names)
    )
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InputError(f"{asked} among {', '.join(known)}", unknown, "check the spelling")
    return wanted


def check_grid(
    spatial: tuple[int, ...],
    spacing: tuple[float, ...] | None,
    region_map: NDArray[np.int64] | None,
) -> None:
    """Check that spacing and region map fit the grid of the first sample.

    Raises
    ------
    GeometryError
        If one of them does not.

    Examples
    --------
    >>> check_grid((4, 5), (1.0, 1.0), None)
    """
    if spacing is not None and len(spacing) != len(spatial):
        raise GeometryError(
            f"one spacing for each of {len(spatial)} spatial axes",
            spacing,
            "give spacing_mm in the order of the image's axes",
        )
    if region_map is not None and region_map.shape != spatial:
        raise GeometryError(
            f"a region_map on the samples' grid {spatial}",
            region_map.shape,
            "resample the region map to the image's grid",
        )
