"""One case, from image to rows of the feature table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.case import Case, check_structures, in_structure
from segqc_conformal.dice import dice
from segqc_conformal.errors import GeometryError, InputError, SegqcError
from segqc_conformal.features.table import CORRUPTED
from segqc_conformal.iso_times import in_utc
from segqc_conformal.measures.schema import STANDARD, FeatureSchema
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.sampler import Sampler
from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator

if TYPE_CHECKING:
    from segqc_conformal.features.case_files import CaseFiles

__all__ = ["AccumulatedCase", "FeatureExtractor", "Postprocess", "Row"]

Postprocess = Callable[[NDArray[np.int64]], NDArray[Any]]
Row = dict[str, Any]


class AccumulatedCase(NamedTuple):
    """A case after its samples: what is known of its uncertainty, and the mask that is judged.

    ``mask`` is a label map ``(*spatial)``, or a stack ``(regions, *spatial)`` for several
    overlapping regions; ``judged`` says whether it is the "deployed" mask of the case, a
    "corrupted" one, or the "fused" one of the samples.
    """

    uncertainty: UncertaintyAccumulator
    mask: NDArray[np.int64]
    judged: str


@dataclass(frozen=True, eq=False)
class FeatureExtractor:
    """What turns a case into rows of the feature table; the same for every case of a batch.

    Parameters
    ----------
    predictor : Predictor, optional
        None for samplers that bring their own models or samples.
    sampler : Sampler
    structures : mapping of str to int
        Structure name -> label.
    postprocess : callable, optional
        ``label_map -> label_map``, applied to the fused mask; a deployed mask is taken as it is.
    schema : FeatureSchema
        Which features are measured.
    fast : bool
        Use the compiled path of the ``[fast]`` extra; the values are the same.

    Raises
    ------
    InputError
        If the structures are not ``{name: label}``.
    SamplingError
        If the sampler cannot work with the predictor.

    Notes
    -----
    Guarantee: the model and the caller's random state are left as found.

    Examples
    --------
    >>> from segqc_conformal.sampling.single_pass import SinglePass
    >>> model = Predictor(lambda x: x, activation="sigmoid", model_id="identity")
    >>> extractor = FeatureExtractor(model, SinglePass(), {"lesion": 1})
    >>> case = Case(np.array([-4.0, 4.0, 4.0]), case_id="c17", patient_id="p9",
    ...             reference=np.array([0, 1, 0]))
    >>> accumulated = extractor.accumulate(case)
    >>> accumulated.mask.tolist(), round(extractor.rows(case, accumulated)[0]["dice"], 3)
    ([0, 1, 1], 0.667)
    """

    predictor: Predictor | None
    sampler: Sampler
    structures: Mapping[str, int]
    postprocess: Postprocess | None = None
    schema: FeatureSchema = STANDARD
    fast: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot work, before the first case."""
        object.__setattr__(self, "structures", check_structures(self.structures))
        if not isinstance(self.schema, FeatureSchema):
            raise InputError(
                "schema as a FeatureSchema", repr(self.schema), f"FeatureSchema({self.schema!r})"
            )
        self.sampler.model_id(self.predictor)

    @property
    def identity(self) -> dict[str, str]:
        """Return ``model_id``, ``sampler_id`` and ``schema_version`` of the rows to come."""
        return {
            "model_id": self.sampler.model_id(self.predictor),
            "sampler_id": self.sampler.sampler_id,
            "schema_version": self.schema.version,
        }

    def accumulate(self, case: Case) -> AccumulatedCase:
        """Draw all samples of a case and settle which mask is judged.

        Returns
        -------
        AccumulatedCase
            Unpacks as ``(uncertainty, mask, judged)``.

        Raises
        ------
        InputError, GeometryError, SamplingError
            Naming the case.
        """
        with _naming(case):
            uncertainty = self._accumulator(case)
            image = case.channels_first()
            for sample in self.sampler(self.predictor, image, case_id=case.case_id):
                # Elements come first where they have weights of their own, as meshes store them.
                uncertainty.update(sample if case.element_weights is None else sample.T)
            if case.mask is not None:
                return AccumulatedCase(uncertainty, case.mask, _judged(case))
            mask = uncertainty.fused_mask()
            if self.postprocess is not None:
                mask = _checked_mask(self.postprocess(mask), mask.shape)
            return AccumulatedCase(uncertainty, mask, "fused")

    def rows(self, case: Case, accumulated: AccumulatedCase) -> list[Row]:
        """Write the feature-table rows of an accumulated case, one per structure.

        Returns
        -------
        list of dict
            ``dice`` is None without a reference mask; features are finite.

        Raises
        ------
        InputError
            If a mask has labels, but none of a structure.
        GeometryError
            If the reference mask is a label map where the judged mask is a stack of regions.
        """
        uncertainty, mask, judged = accumulated
        for name, labels in (("mask", case.mask), ("reference mask", case.reference)):
            self._refuse_foreign_labels(name, labels, case)
        with _naming(case):
            features = uncertainty.features(mask, image=case.channels_first())
        return [
            {
                **self._ids(case, structure, judged),
                "failed": None,
                "dice": _dice_to_reference(case, mask, label),
                **{f"feature_{name}": value for name, value in sorted(features[structure].items())},
            }
            for structure, label in self.structures.items()
        ]

    def failed_rows(self, case: Case | CaseFiles, why: str) -> list[Row]:
        """Write the rows of a case that could not be used: NaN features, and why."""
        elements = getattr(case, "element_weights", None) is not None
        names = self.schema.element_names if elements else self.schema.names
        nothing = {f"feature_{name}": float("nan") for name in sorted(names)}
        return [
            {**self._ids(case, structure, _judged(case)), "failed": why, "dice": None, **nothing}
            for structure in self.structures
        ]

    def _accumulator(self, case: Case) -> UncertaintyAccumulator:
        return UncertaintyAccumulator(
            self.structures,
            case.spacing,
            channels=self.sampler.channels(self.predictor),
            schema=self.schema,
            element_weights=case.element_weights,
            region_map=case.region_map,
            fast=self.fast,
        )

    def _refuse_foreign_labels(self, name: str, labels: NDArray[Any] | None, case: Case) -> None:
        if labels is None or labels.shape != case.spatial_shape:
            return
        found, known = set(np.unique(labels).tolist()) - {0}, set(self.structures.values())
        if found and not found & known:
            raise InputError(
                f"a {name} with labels {sorted(known)}",
                f"labels {sorted(found)[:5]}",
                "give the labels of this mask, or relabel it: Dice would be 0 throughout",
                case.case_id,
            )

    def _ids(self, case: Case | CaseFiles, structure: str, judged: str) -> Row:
        return {
            "case_id": case.case_id,
            "patient_id": case.patient_id,
            "structure": structure,
            "site": case.site,
            **self.identity,
            "judged": judged,
            "time": _utc_text(case.time),
        }


@contextmanager
def _naming(case: Case) -> Iterator[None]:
    try:
        yield
    except SegqcError as error:
        raise type(error)(error.expected, error.received, error.remedy, case.case_id) from error


def _judged(case: Case | CaseFiles) -> str:
    if case.mask is None:
        return "fused"
    return CORRUPTED if case.corrupted else "deployed"


def _dice_to_reference(case: Case, mask: NDArray[np.int64], label: int) -> float | None:
    if case.reference is None:
        return None
    if case.reference.shape != mask.shape:
        raise GeometryError(
            f"a reference mask of the judged mask's shape {mask.shape}",
            case.reference.shape,
            "give overlapping regions as a stack (regions, *spatial) of 0 and 1",
            case.case_id,
        )
    axes = len(case.spatial_shape)
    reference = in_structure(case.reference, label, axes)
    return dice(in_structure(mask, label, axes), reference, case.element_weights)


def _checked_mask(mask: Any, shape: tuple[int, ...]) -> NDArray[np.int64]:
    array = np.asarray(mask)
    if array.shape != shape:
        raise GeometryError(
            f"a label map of shape {shape} from postprocess",
            array.shape,
            "return a label map on the same grid",
        )
    if array.dtype.kind not in "iub":
        raise InputError(
            "a label map of integers from postprocess",
            f"dtype {array.dtype}",
            "return labels, not probabilities",
        )
    return array.astype(np.int64)


def _utc_text(time: datetime | None) -> str | None:
    return None if time is None else in_utc(time).isoformat()
