"""One case, from image to rows of the feature table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.case import Case
from segqc_conformal.dice import dice
from segqc_conformal.errors import GeometryError, InputError, SegqcError, on_one_line
from segqc_conformal.features.table import SCHEMA_VERSION
from segqc_conformal.iso_times import in_utc
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.sampler import Sampler
from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator
from segqc_conformal.uncertainty.structure_features import FEATURES

__all__ = [
    "AccumulatedCase",
    "accumulate_case",
    "case_rows",
    "failed_rows",
    "row_identity",
    "why_failed",
]

Postprocess = Callable[[NDArray[np.int64]], NDArray[Any]]
Row = dict[str, Any]


class AccumulatedCase(NamedTuple):
    """A case after its samples: what is known of its uncertainty, and the mask that is judged.

    ``mask`` is a label map ``(*spatial)``; ``judged`` says whether it is the "deployed" mask of the
    case or the "fused" one of the samples.
    """

    uncertainty: UncertaintyAccumulator
    mask: NDArray[np.int64]
    judged: str


def row_identity(predictor: Predictor | None, sampler: Sampler) -> dict[str, str]:
    """Return ``model_id``, ``sampler_id`` and ``schema_version`` of the rows to come.

    Raises
    ------
    SamplingError
        If the sampler cannot work with the predictor.
    """
    return {
        "model_id": sampler.model_id(predictor),
        "sampler_id": sampler.sampler_id,
        "schema_version": SCHEMA_VERSION,
    }


def accumulate_case(
    case: Case,
    predictor: Predictor | None,
    sampler: Sampler,
    structures: Mapping[str, int],
    postprocess: Postprocess | None = None,
) -> AccumulatedCase:
    """Draw all samples of a case and settle which mask is judged.

    Parameters
    ----------
    case : Case
    predictor : Predictor, optional
        None for samplers that bring their own models or samples.
    sampler : Sampler
    structures : mapping of str to int
    postprocess : callable, optional
        ``label_map -> label_map``, applied to the fused mask; a deployed mask is taken as it is.

    Returns
    -------
    AccumulatedCase
        Unpacks as ``(uncertainty, mask, judged)``.

    Raises
    ------
    InputError, SamplingError
        Naming the case.

    Notes
    -----
    Guarantee: the model and the caller's random state are left as found.

    Examples
    --------
    >>> from segqc_conformal.sampling.single_pass import SinglePass
    >>> model = Predictor(lambda x: x, activation="sigmoid", model_id="identity")
    >>> case = Case(np.array([-4.0, 4.0, 4.0]), case_id="c17", patient_id="p9")
    >>> uncertainty, mask, judged = accumulate_case(case, model, SinglePass(), {"lesion": 1})
    >>> mask.tolist(), judged, uncertainty.samples
    ([0, 1, 1], 'fused', 1)
    """
    uncertainty = UncertaintyAccumulator(structures, case.spacing)
    try:
        for sample in sampler(predictor, case.channels_first(), case_id=case.case_id):
            uncertainty.update(sample)
        if case.mask is not None:
            return AccumulatedCase(uncertainty, case.mask, "deployed")
        mask = uncertainty.fused_mask()
        if postprocess is not None:
            mask = _checked_mask(postprocess(mask), mask.shape)
        return AccumulatedCase(uncertainty, mask, "fused")
    except SegqcError as error:
        raise type(error)(error.expected, error.received, error.remedy, case.case_id) from error


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


def case_rows(
    case: Case,
    accumulated: AccumulatedCase,
    structures: Mapping[str, int],
    identity: Mapping[str, str],
) -> list[Row]:
    """Write the feature-table rows of an accumulated case, one per structure.

    Parameters
    ----------
    case : Case
    accumulated : AccumulatedCase
    structures : mapping of str to int
    identity : mapping
        As returned by `row_identity`.

    Returns
    -------
    list of dict
        ``dice`` is None without a reference mask; features are finite.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> from segqc_conformal.sampling.single_pass import SinglePass
    >>> model = Predictor(lambda x: x, activation="sigmoid", model_id="identity")
    >>> case = Case(np.array([4.0, 4.0]), case_id="c17", patient_id="p9", reference=np.ones(2))
    >>> accumulated = accumulate_case(case, model, SinglePass(), {"lesion": 1})
    >>> case_rows(case, accumulated, {"lesion": 1}, row_identity(model, SinglePass()))[0]["dice"]
    1.0
    """
    uncertainty, mask, judged = accumulated
    for name, labels in (("mask", case.mask), ("reference mask", case.reference)):
        _refuse_foreign_labels(name, labels, structures, case.case_id)
    features = uncertainty.features(mask)
    rows = []
    for structure, label in structures.items():
        reference = None if case.reference is None else np.equal(case.reference, label)
        rows.append(
            {
                **_ids(case, structure, judged, identity),
                "failed": None,
                "dice": None if reference is None else dice(np.equal(mask, label), reference),
                **{f"feature_{name}": features[structure][name] for name in sorted(FEATURES)},
            }
        )
    return rows


def _refuse_foreign_labels(
    name: str, labels: NDArray[Any] | None, structures: Mapping[str, int], case_id: str
) -> None:
    found = set() if labels is None else set(np.unique(labels).tolist()) - {0}
    if found and not found & set(structures.values()):
        raise InputError(
            f"a {name} with labels {sorted(structures.values())}",
            f"labels {sorted(found)[:5]}",
            "give the labels of this mask, or relabel it: Dice would be 0 throughout",
            case_id,
        )


def failed_rows(
    case: Any, why: str, structures: Mapping[str, int], identity: Mapping[str, str]
) -> list[Row]:
    """Write the rows of a case that could not be used: NaN features, and why.

    Parameters
    ----------
    case : Case or CaseFiles
    why : str
    structures, identity : mapping
        As in `case_rows`.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> case = Case(np.zeros(2), case_id="c17", patient_id="p9")
    >>> failed_rows(case, "no samples", {"lesion": 1}, {})[0]["failed"]
    'no samples'
    """
    judged = "fused" if case.mask is None else "deployed"
    nothing = {f"feature_{name}": float("nan") for name in sorted(FEATURES)}
    return [
        {**_ids(case, structure, judged, identity), "failed": why, "dice": None, **nothing}
        for structure in structures
    ]


def why_failed(case_id: str, error: Exception) -> str:
    """Return what the row of a failed case says: our own errors name the case themselves.

    Examples
    --------
    >>> why_failed("c17", MemoryError("no memory"))
    'case c17: MemoryError: no memory'
    """
    return str(error) if isinstance(error, SegqcError) else f"case {case_id}: {on_one_line(error)}"


def _ids(case: Any, structure: str, judged: str, identity: Mapping[str, str]) -> Row:
    return {
        "case_id": case.case_id,
        "patient_id": case.patient_id,
        "structure": structure,
        "site": case.site,
        **identity,
        "judged": judged,
        "time": _utc_text(case.time),
    }


def _utc_text(time: datetime | None) -> str | None:
    return None if time is None else in_utc(time).isoformat()
