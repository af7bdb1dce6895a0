"""Reverse classification accuracy: how well the judged mask segments labelled references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.canonical_json import canonical_json, sha256_hex
from segqc_conformal.case import Case, check_structures
from segqc_conformal.errors import InputError
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.reverse.atlas import AtlasRegistration
from segqc_conformal.reverse.backend import ReverseBackend
from segqc_conformal.reverse.checked_references import check_against, checked_references
from segqc_conformal.reverse.image_descriptor import (
    Descriptor,
    checked_descriptor,
    coarse_image,
    nearest_first,
)
from segqc_conformal.reverse.labelled_image import LabelledImage, flat_labels
from segqc_conformal.reverse.reverse_dice import reverse_dice, summarised

__all__ = ["ReverseClassificationAccuracy"]


@dataclass(frozen=True, eq=False)
class ReverseClassificationAccuracy:
    """Judge a mask by how well it segments labelled references, as the only example there is.

    The judged case (image and mask) is all that a segmenter learns from; it then segments the
    references, and its Dice against their reference masks is the reverse Dice. A good mask makes a
    good example; the maximum over the references is the score of the source.

    Parameters
    ----------
    references : iterable of Case or CaseFiles
        Each with a reference mask; all with as many axes and channels. Read once. Their judged
        masks are not looked at.
    structures : mapping of str to int
        Structure name -> label.
    backend : ReverseBackend
        What segments: `AtlasRegistration`, `SimpleITKRegistration`, `VoxelForest` or
        `OwnSegmenter`.
    nearest : int
        >= 1: how many references are segmented, those whose images are nearest to the case's.
    descriptor : callable
        ``Case -> numbers``; the Euclidean distance of these says which is nearest. It must not look
        at masks.

    Raises
    ------
    InputError, GeometryError
        Naming the case: a reference without reference mask, of other axes or channels, a case id
        that comes twice, no reference, or a setting out of its range.

    Notes
    -----
    Guarantee: no reference of the case's own patient is ever used, and of the others one fixed
    function of images and masks makes the values, in whatever order they were given. Reference
    patients must not calibrate or be evaluated: `with_reverse_features` marks them. Nothing is said
    of how well the values go with Dice. An empty judged mask has reverse Dice 0 against every
    reference that has the structure, also where the patient rightly lacks it. Sources: Valindria et
    al., IEEE Trans. Med. Imaging 36 (2017) 1597-1606; Robinson et al., J. Cardiovasc. Magn. Reson.
    21 (2019) 18; retrieval of the nearest after Cosarinsky et al., arXiv 2503.04522 (2025).

    Examples
    --------
    >>> from segqc_conformal.reverse.own_segmenter import OwnSegmenter
    >>> truth = np.array([[0, 1, 1, 0]])
    >>> reference = Case(truth * 1.0, "r1", "p1", reference=truth)
    >>> copy = OwnSegmenter(lambda image, mask, reference_image: mask, name="copy")
    >>> accuracy = ReverseClassificationAccuracy([reference], {"lesion": 1}, backend=copy)
    >>> case = Case(truth * 2.0, "c1", "p2", mask=np.array([[0, 1, 0, 0]]))
    >>> round(accuracy.features(case)["lesion"]["reverse_dice_max"], 3)
    0.667
    """

    references: Iterable[Case | CaseFiles]
    structures: Mapping[str, int]
    backend: ReverseBackend = field(default_factory=AtlasRegistration)
    nearest: int = 5
    descriptor: Descriptor = coarse_image

    def __post_init__(self) -> None:
        """Check everything once."""
        if not isinstance(self.backend, ReverseBackend):
            raise InputError(
                "a backend with `label_maps`",
                type(self.backend).__name__,
                "wrap a function of your own: OwnSegmenter(function, name=...)",
            )
        if not isinstance(self.nearest, int) or self.nearest < 1:
            raise InputError("nearest as an integer >= 1", self.nearest, "correct it")
        object.__setattr__(self, "structures", check_structures(self.structures))
        object.__setattr__(self, "references", checked_references(self.references))

    def features(self, case: Case) -> dict[str, dict[str, float]]:
        """Return the features of a case: structure -> name -> value, as `summarised` makes them."""
        return summarised(self.reverse_dice(case))

    def reverse_dice(self, case: Case) -> pd.DataFrame:
        """Return every single reverse Dice of a case.

        Parameters
        ----------
        case : Case
            With its judged mask.

        Returns
        -------
        DataFrame
            One row per structure and reference, the nearest first: ``case_id, structure,
            reference_case_id, distance, reverse_dice``; the last as `reverse_dice` says, NaN where
            the reference lacks the structure.

        Raises
        ------
        InputError, GeometryError
            Naming the case: without a mask, of other axes or channels than the references, or
            without a reference of another patient.

        Notes
        -----
        Guarantee: as said above.
        """
        chosen = self.nearest_references(case)
        found = self._segmented(case, [reference for reference, _ in chosen])
        rows = [
            (case.case_id, name, reference.case_id, distance, value)
            for (reference, distance), segmented in zip(chosen, found, strict=True)
            for name, value in reverse_dice(
                segmented, _reference_mask(reference), self.structures, len(case.spatial_shape)
            ).items()
        ]
        columns = ["case_id", "structure", "reference_case_id", "distance", "reverse_dice"]
        table = pd.DataFrame(rows, columns=columns)
        order = {name: place for place, name in enumerate(self.structures)}
        return table.sort_values(
            "structure", key=lambda names: names.map(order), kind="stable", ignore_index=True
        )

    def nearest_references(self, case: Case) -> list[tuple[Case, float]]:
        """Return the references for a case, the nearest first, with their distance.

        None is of the case's own patient. Errors are those of `reverse_dice`.
        """
        check_against(case, self._cases)
        others = {
            name: vector
            for name, vector in self._described.items()
            if self._cases[name].patient_id != case.patient_id
        }
        if not others:
            raise InputError(
                "a reference of another patient",
                f"only references of patient {case.patient_id}",
                "give references of more patients",
                case.case_id,
            )
        ranked = nearest_first(checked_descriptor(self.descriptor, case), others)
        return [(self._cases[name], distance) for distance, name in ranked[: self.nearest]]

    @cached_property
    def version(self) -> str:
        """What makes the features: 16 hex digits of settings, backend and references."""
        content = {
            "structures": dict(self.structures),
            "backend": repr(self.backend),
            "nearest": self.nearest,
            "references": {
                name: _bytes_hash(
                    self._described[name],
                    case.image,
                    _reference_mask(case),
                    np.array(case.spacing),
                )
                for name, case in self._cases.items()
            },
        }
        return sha256_hex(canonical_json(content).encode())[:16]

    @cached_property
    def _cases(self) -> dict[str, Case]:
        return {case.case_id: case for case in self.references if isinstance(case, Case)}

    @cached_property
    def _described(self) -> dict[str, NDArray[np.float64]]:
        return {
            name: checked_descriptor(self.descriptor, case) for name, case in self._cases.items()
        }

    def _segmented(self, case: Case, references: list[Case]) -> list[NDArray[np.int64]]:
        """Return what the case's mask says of each reference, in the form of the mask."""
        assert case.mask is not None
        axes = len(case.spatial_shape)
        labels, regions = flat_labels(case.mask, axes)
        shown = LabelledImage(_image(case), labels, case.spacing)
        those = [
            LabelledImage(_image(one), flat_labels(_reference_mask(one), axes)[0], one.spacing)
            for one in references
        ]
        if not labels.any():  # nothing teaches nothing: no segmenter is asked
            said = [np.zeros_like(one.labels) for one in those]
        else:
            said = list(self.backend.label_maps(shown, those))
        return said if regions is None else [regions[:, one] for one in said]


def _image(case: Case) -> NDArray[np.float32]:
    return np.ascontiguousarray(case.channels_first(), dtype=np.float32)


def _reference_mask(case: Case) -> NDArray[np.int64]:
    assert case.reference is not None
    return case.reference


def _bytes_hash(*arrays: NDArray[np.generic]) -> str:
    return sha256_hex(b"".join(np.ascontiguousarray(one).tobytes() for one in arrays))
