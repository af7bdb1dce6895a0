"""Named, versioned choices of features, and the measurement of one structure by such a choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite

from segqc_conformal.errors import InputError
from segqc_conformal.measures.caller_regions import caller_meanings, caller_regions
from segqc_conformal.measures.groups import GROUPS, SCHEMAS, MeasureGroup, SchemaName
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["STANDARD", "FeatureSchema"]


@dataclass(frozen=True)
class FeatureSchema:
    """Which features are measured of each structure.

    Parameters
    ----------
    name : {"standard", "aggregate", "full"}
        "aggregate": what the samples' and the judged masks alone give; "standard": the agreement of
        the samples, the mean probability, entropies and a simple shape; "full": everything this
        package measures.
    regions : mapping of str to int, optional
        Name -> label in the case's region map. A region may be absent from a case, and the map may
        hold labels that are not named here.
    own : callable, optional
        ``JudgedStructure -> mapping of str to float``: features of your own, named ``own_<name>``.
        A named function: its name becomes part of the version.

    Raises
    ------
    InputError
        For an unknown name, or an own function without a name (a lambda, a partial).

    Notes
    -----
    Guarantee: equal versions measure the same names by the same rules, own features excepted: the
    version names the function, not its code.

    Examples
    --------
    >>> FeatureSchema("standard", regions={"apex": 1}).version
    'standard-1+regions(apex=1)'
    >>> len(STANDARD.names), STANDARD.describe()["pairwise_dice"]
    (21, 'mean Dice of each two samples')
    """

    name: SchemaName = "standard"
    regions: Mapping[str, int] | None = None
    own: Callable[[JudgedStructure], Mapping[str, float]] | None = None

    def __post_init__(self) -> None:
        """Refuse what would have no version."""
        if self.name not in SCHEMAS:
            raise InputError(
                f"a feature schema named {', '.join(SCHEMAS)}", self.name, "choose one of these"
            )
        if self.regions is not None and not isinstance(self.regions, Mapping):
            raise InputError(
                "regions as {name: label}", repr(self.regions), "name each region of the region map"
            )
        if self.own is not None and "<lambda>" in getattr(self.own, "__qualname__", "<lambda>"):
            raise InputError(
                "an own feature function with a name, which the version says",
                repr(self.own),
                "give a named function: def own(structure): ...",
            )

    @property
    def version(self) -> str:
        """Name and number of the schema, its regions and the name of the own function."""
        parts = [SCHEMAS[self.name].version]
        if self.regions:
            listed = ",".join(f"{name}={label}" for name, label in sorted(self.regions.items()))
            parts.append(f"regions({listed})")
        if self.own is not None:
            parts.append(f"own:{self.own.__module__}.{self.own.__qualname__}")
        return "+".join(parts)

    @property
    def needs(self) -> frozenset[str]:
        """Buffers of the accumulator that the features are computed from."""
        return SCHEMAS[self.name].needs

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features on a grid, sorted; own ones are not known.

        They are the same whatever the structures and the maps that are held. Overlapping regions
        have all of them; evidence has the full schema's ``vacuity_judged_mean`` besides.
        """
        return tuple(sorted(self.describe()))

    @property
    def element_names(self) -> tuple[str, ...]:
        """Names of the features of flat elements with weights, sorted: those without a grid."""
        on_a_grid = {n for group in self._groups() if group.needs_grid for n in group.meanings}
        return tuple(name for name in self.names if name not in on_a_grid)

    def describe(self) -> dict[str, str]:
        """Return what each feature means, in one line, in the order of the groups."""
        meanings = {name: text for group in self._groups() for name, text in group.meanings.items()}
        return meanings | caller_meanings(self.regions or {}, self._region_maps())

    def measure(self, structure: JudgedStructure) -> dict[str, float]:
        """Measure one structure.

        Parameters
        ----------
        structure : JudgedStructure

        Returns
        -------
        dict of float
            Finite numbers by name, sorted; without the groups that need a grid where the structure
            has element weights.

        Raises
        ------
        InputError
            If the own function gives anything but a mapping to finite numbers, or regions are asked
            for and the structure has no region map.

        Notes
        -----
        Guarantee: none; features only make intervals narrow, never valid.
        """
        features: dict[str, float] = {}
        for group in self._groups():
            if structure.weights is None or not group.needs_grid:
                features |= group.measure(structure)
        if self.regions:
            features |= caller_regions(structure, self.regions, self._region_maps())
        return dict(sorted((features | self._own_features(structure)).items()))

    def _groups(self) -> tuple[MeasureGroup, ...]:
        return tuple(group for group in GROUPS if self.name in group.schemas)

    def _region_maps(self) -> tuple[str, ...]:
        return ("predictive_entropy", "mutual_information") if self.needs else ()

    def _own_features(self, structure: JudgedStructure) -> dict[str, float]:
        if self.own is None:
            return {}
        found = self.own(structure)
        if not isinstance(found, Mapping):
            raise InputError(
                "a mapping of names to numbers from the own feature function",
                repr(found),
                "return {} where it has no features",
            )
        return {f"own_{name}": _checked(name, value) for name, value in found.items()}


def _checked(name: str, value: object) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = float("nan")
    if not isfinite(number):
        raise InputError(
            f"a finite number for the own feature {name!r}",
            repr(value),
            "return a constant where the feature is not defined, as for an empty mask",
        )
    return number


STANDARD = FeatureSchema()
