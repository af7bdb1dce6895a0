"""The uncertainty accumulator: one streaming pass over the samples of a case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from segqc_conformal.case import check_structures
from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.sampling.channels import Channels, check_channels
from segqc_conformal.uncertainty.bit_planes import pairwise_dice
from segqc_conformal.uncertainty.dirichlet import DIRICHLET_MAPS
from segqc_conformal.uncertainty.feature_rules import FeatureRules
from segqc_conformal.uncertainty.judged_mask import judged_labels
from segqc_conformal.uncertainty.judged_structure import JudgedStructure
from segqc_conformal.uncertainty.layout import Layout
from segqc_conformal.uncertainty.lazy_maps import LazyMaps, computed_map
from segqc_conformal.uncertainty.maps import MAPS, MapRule
from segqc_conformal.uncertainty.sample_tensor import checked_sample
from segqc_conformal.uncertainty.settings_check import (
    check_grid,
    checked_names,
    checked_region_map,
    checked_rules,
    checked_spacing,
    checked_weights,
)
from segqc_conformal.uncertainty.structure_views import judged_structures
from segqc_conformal.uncertainty.taken_samples import TakenSamples

__all__ = ["UncertaintyAccumulator"]


class UncertaintyAccumulator:
    """Takes samples one at a time; gives maps, the fused mask and features at any time.

    Parameters
    ----------
    structures : mapping of str to int
        Structure name -> label. Of exclusive classes the label is the index of the channel; of
        overlapping regions the first channel is label 1; of one channel the only label is 1.
    spacing_mm : tuple of float, optional
        Voxel size per spatial axis; None: ones.
    channels : {"exclusive", "overlapping", "evidence"}
        What the channels of a sample are: probabilities of exclusive classes (one channel: a
        binary structure) or of overlapping regions, or evidence >= 0 for exclusive classes, of
        which there is one sample.
    schema : FeatureSchema, optional
        Which features `features` gives; None: the standard ones. "aggregate" holds no map, only
        the samples' masks.
    maps : iterable of str, or "all"
        Maps that `maps` shall be able to give beyond those that the schema's buffers allow.
    element_weights : array of float, shape ``(elements,)``, optional
        Size of each element of a mesh or CAD model, > 0. Samples are then flat, ``(elements,
        classes)``, masks ``(elements,)``, and sizes are sums of weights.
    region_map : array of int, shape ``(*spatial)``, optional
        Labels of regions, for schemas and own features that use them.
    fast : bool
        Use the compiled update (extra ``fast``): exclusive classes on a CPU.

    Raises
    ------
    InputError
        For settings that do not fit together, unknown map names, or `fast` without numba.

    Notes
    -----
    Guarantee: none. Memory is, per voxel: one byte for each structure and 8 samples, and what the
    schema and the maps need; it does not depend on the number of samples otherwise. Everything
    stays on the device of the first sample. Half precision is upcast to float32 before any
    logarithm.

    Examples
    --------
    >>> acc = UncertaintyAccumulator({"lesion": 1}, spacing_mm=(1.0,))
    >>> acc.update(np.array([[0.9, 0.8, 0.1]]))
    >>> acc.update(np.array([[0.9, 0.4, 0.1]]))
    >>> acc.fused_mask().tolist(), round(acc.features()["lesion"]["pairwise_dice"], 4)
    ([1, 1, 0], 0.6667)
    """

    def __init__(
        self,
        structures: Mapping[str, int],
        spacing_mm: tuple[float, ...] | None = None,
        *,
        channels: Channels = "exclusive",
        schema: FeatureRules | None = None,
        maps: Iterable[str] = (),
        element_weights: ArrayLike | None = None,
        region_map: ArrayLike | None = None,
        fast: bool = False,
    ) -> None:
        self.structures = check_structures(structures)
        self._channels = check_channels(channels)
        self._schema = checked_rules(schema)
        self._weights = checked_weights(element_weights)
        self._spacing = checked_spacing(spacing_mm, self._weights)
        self._region_map = checked_region_map(region_map, self._schema.regions)
        self._fast = fast
        if fast:
            _check_fast(channels)
        self._rules = DIRICHLET_MAPS if channels == "evidence" else MAPS
        asked = checked_names(maps, self._rules, "maps")
        if asked and not self._schema.needs:
            raise InputError(
                "no maps where masks alone are held",
                f"maps={asked}",
                "use the schema 'standard' or 'full'",
            )
        self._needs = _needed(self._schema, [self._rules[name] for name in asked], channels)
        self._taken: TakenSamples | None = None

    def update(self, sample: ArrayLike | Tensor) -> None:
        """Take one more sample.

        Parameters
        ----------
        sample : array or Tensor of any float dtype, shape ``(channels, *spatial)``
            ``(elements, channels)`` where element weights were given.

        Raises
        ------
        InputError
            For NaN, values outside [0, 1], sums of exclusive classes other than 1, a structure
            whose label is no channel, or a second sample of evidence. The accumulator is left as
            it was.
        GeometryError
            If the shape is not that of the samples before, or not that of the spacing.

        Notes
        -----
        Guarantee: none. An update that is interrupted from outside leaves a sample half taken;
        the accumulator then refuses to go on.
        """
        if self._taken is not None:
            self._ready()
        if self._channels == "evidence" and self.samples:
            raise InputError(
                "one sample of evidence: it is a whole distribution",
                "a second one",
                "use one accumulator per case; average evidential models by their probabilities",
            )
        elements = None if self._weights is None else self._weights.size
        values = checked_sample(sample, self._channels, elements)
        taken = self._started(values) if self._taken is None else self._taken
        taken.layout.check_shape(values.shape)
        self._taken = taken
        taken.take(values)

    @property
    def samples(self) -> int:
        """Number of samples taken."""
        return 0 if self._taken is None else self._taken.samples

    @property
    def channels(self) -> Channels:
        """What the channels of the samples are; one region alone is two exclusive classes."""
        single = self._taken is not None and not self._taken.layout.regions
        return "exclusive" if self._channels == "overlapping" and single else self._channels

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Shape of the grid, or one axis of elements."""
        return self._ready().layout.spatial

    @property
    def spacing_mm(self) -> tuple[float, ...]:
        """Voxel size per spatial axis; ones where it was not given."""
        return self._spacing or (1.0,) * len(self.spatial_shape)

    @property
    def class_count(self) -> int:
        """Number of exclusive classes; 2 of a binary structure and of each overlapping region."""
        return self._ready().layout.classes

    def maps(self, names: Iterable[str] | None = None) -> dict[str, NDArray[np.float32]]:
        """Compute uncertainty maps.

        Parameters
        ----------
        names : iterable of str, optional
            None: every map that the buffers held allow.

        Returns
        -------
        dict of ndarray of float32
            Shape ``(*spatial)``, ``(regions, *spatial)`` of several overlapping regions.
            Of exclusive classes ``mean_probability`` is ``(classes, *spatial)`` and maps that begin
            with ``one_vs_rest`` are ``(structures, *spatial)``. Entropies are in nats.

        Raises
        ------
        InputError
            If no sample was taken, or a map is unknown or its buffers are not held.
        """
        taken, rules = self._ready(), self._held_rules()
        wanted = tuple(rules) if names is None else checked_names(names, self._rules, "names")
        missing = [name for name in wanted if name not in rules]
        if missing or not rules:
            raise InputError(
                "maps whose buffers are held",
                missing or "an accumulator that aggregates only",
                f"ask for them before the first sample: maps={tuple(missing) or 'all'!r}",
            )
        found = {}
        for name in wanted:
            values = computed_map(rules[name], taken.buffers, taken.samples).cpu().numpy()
            found[name] = taken.layout.shaped(values, rules[name].rows == "groups")
        return found

    def fused_mask(self) -> NDArray[np.int64]:
        """Return the label map of the largest mean probability, shape ``(*spatial)``.

        Of several overlapping regions a stack ``(regions, *spatial)`` of 0 and 1. Of equal
        probabilities the lower label wins: a binary voxel at exactly 0.5 is background. Where
        only masks are held, the label of most samples.
        """
        taken = self._ready()
        return taken.layout.shaped(taken.fused().cpu().numpy())

    def pairwise_dice(self) -> dict[str, NDArray[np.float64]]:
        """Return the Dice of each two samples, structure by structure.

        Returns
        -------
        dict of ndarray, shape ``(samples, samples)``
            In [0, 1], 1 on the diagonal; two empty masks agree. Weighted where elements are.

        Raises
        ------
        InputError
            If no sample was taken.

        Examples
        --------
        >>> acc = UncertaintyAccumulator({"lesion": 1})
        >>> acc.update([[0.9, 0.8, 0.1]])
        >>> acc.update([[0.9, 0.1, 0.1]])
        >>> acc.pairwise_dice()["lesion"].round(2).tolist()
        [[1.0, 0.67], [0.67, 1.0]]
        """
        taken = self._ready()
        held = self._weights
        weights = None if held is None else torch.from_numpy(held).to(taken.device)
        return {
            name: pairwise_dice(taken.planes(label).intersections(weights))
            for name, label in self.structures.items()
        }

    def features(
        self, mask: ArrayLike | Tensor | None = None, image: ArrayLike | None = None
    ) -> dict[str, dict[str, float]]:
        """Measure each structure as the schema says.

        Parameters
        ----------
        mask : array or Tensor of int, shape ``(*spatial)``, optional
            The judged label map, or the stack ``(regions, *spatial)`` of several overlapping
            regions; None: the fused mask.
        image : array, shape ``(channels, *spatial)``, optional
            Intensities, for features that use them.

        Returns
        -------
        dict of dict of float
            Structure name -> feature name -> finite value.

        Raises
        ------
        InputError
            If no sample was taken, or the mask holds no integers.
        GeometryError
            If mask or image is not on the samples' grid.
        """
        found = self.judged_structures(mask, image)
        return {structure.name: self._schema.measure(structure) for structure in found}

    def judged_structures(
        self, mask: ArrayLike | Tensor | None = None, image: ArrayLike | None = None
    ) -> list[JudgedStructure]:
        """Return each structure with its judged mask, its samples' masks and its maps.

        Parameters and errors are those of `features`; maps are computed where they are looked at.

        Examples
        --------
        >>> acc = UncertaintyAccumulator({"lesion": 1})
        >>> acc.update([[0.9, 0.8, 0.1]])
        >>> [(structure.name, structure.size) for structure in acc.judged_structures()]
        [('lesion', 2.0)]
        """
        taken, layout = self._ready(), self._ready().layout
        if mask is None:
            labels = taken.fused().reshape(layout.groups, *layout.spatial)
        else:
            labels = judged_labels(mask, layout, taken.device)
        views = judged_structures(
            taken,
            self.structures,
            labels,
            LazyMaps(self._held_rules(), taken.buffers, taken.samples),
            spacing_mm=self.spacing_mm,
            weights=self._weights,
            image=None if image is None else _on_grid(np.asarray(image), layout.spatial),
            region_map=self._region_map,
        )
        return list(views)

    def _started(self, values: Tensor) -> TakenSamples:
        layout = Layout(self._channels, values.shape[0], tuple(values.shape[1:]))
        layout.check_structures(self.structures)
        check_grid(layout.spatial, self._spacing, self._region_map)
        if self._fast and (layout.regions or values.device.type != "cpu"):
            raise InputError(
                "exclusive classes on a CPU for fast=True",
                f"{layout.channels} channels on {values.device}",
                "leave fast=True out: the values are the same",
            )
        labels = tuple(self.structures.values())
        return TakenSamples(layout, labels, self._needs, values.device, fast=self._fast)

    def _ready(self) -> TakenSamples:
        if self._taken is None:
            raise InputError("at least one sample", "none", "call update(sample) first")
        if self._taken.interrupted:
            raise InputError(
                "an accumulator whose updates all came to their end",
                "one that was interrupted with a sample half taken",
                "start a new accumulator for this case",
            )
        return self._taken

    def _held_rules(self) -> dict[str, MapRule]:
        held = self._ready().held
        return {name: rule for name, rule in self._rules.items() if rule.needs <= held}


def _needed(schema: FeatureRules, asked: Iterable[MapRule], channels: Channels) -> frozenset[str]:
    needs = schema.needs.union(*(rule.needs for rule in asked))
    if channels == "evidence" and needs - {"votes"}:
        return (needs & {"votes"}) | {"evidence"}
    return needs


def _check_fast(channels: Channels) -> None:
    if channels == "evidence":
        raise InputError(
            "exclusive classes for fast=True",
            "channels='evidence'",
            "leave fast=True out: there is only one sample of evidence",
        )
    if find_spec("numba") is None:
        raise InputError(
            "numba, for fast=True",
            "no module named numba",
            "pip install 'segqc-conformal[fast]', or leave fast=True out: the values are the same",
        )


def _on_grid(image: NDArray[Any], spatial: tuple[int, ...]) -> NDArray[Any]:
    if image.shape not in (spatial, (*image.shape[:1], *spatial)):
        raise GeometryError(
            f"an image of shape (channels, {', '.join(map(str, spatial))})",
            image.shape,
            "give the image on the samples' grid",
        )
    return image.reshape((-1, *spatial))
