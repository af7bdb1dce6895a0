"""Checks of the references, once, and of each case against them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from segqc_conformal.case import Case
from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.features.case_files import CaseFiles

__all__ = ["check_against", "checked_references"]


def checked_references(references: Iterable[Case | CaseFiles]) -> tuple[Case, ...]:
    """Read references, in the order of their ids.

    Raises
    ------
    InputError, GeometryError
        Naming the case, as `ReverseClassificationAccuracy` says.
    """
    cases = [one.load() if isinstance(one, CaseFiles) else one for one in references]
    if not cases:
        raise InputError("at least one reference", "none", "give labelled cases")
    seen: set[str] = set()
    for case in cases:
        if not isinstance(case, Case):
            raise InputError("references as Case or CaseFiles", type(case).__name__, "build them")
        if case.reference is None or not case.reference.any():
            raise InputError(
                "a reference mask with a structure",
                "none" if case.reference is None else "an empty one",
                "give Case(reference=...), or leave the case out of the references",
                case.case_id,
            )
        if case.case_id in seen:
            raise InputError(
                "one reference per case_id",
                "this case_id again",
                "give every case an id of its own",
                case.case_id,
            )
        seen.add(case.case_id)
        _check_same_form(case, cases[0])
    return tuple(sorted(cases, key=lambda case: case.case_id))


def check_against(case: Case, references: Mapping[str, Case]) -> None:
    """Check that a case has a mask and can be shown to these references.

    Raises
    ------
    InputError, GeometryError
        Naming the case.
    """
    if case.mask is None:
        raise InputError(
            "a judged mask", "none", "give Case(mask=...), for example the fused mask", case.case_id
        )
    same = references.get(case.case_id)
    if same is not None and same.patient_id != case.patient_id:
        raise InputError(
            f"patient {same.patient_id}, as in the references",
            f"patient {case.patient_id}",
            "give every case an id of its own",
            case.case_id,
        )
    _check_same_form(case, next(iter(references.values())))


def _check_same_form(case: Case, other: Case) -> None:
    forms = [(len(one.spatial_shape), len(one.channels_first())) for one in (case, other)]
    if forms[0] != forms[1] or forms[0][0] not in (2, 3):
        raise GeometryError(
            f"an image of 2 or 3 axes with the form of reference {other.case_id} "
            f"({forms[1][0]} axes, {forms[1][1]} channels)",
            f"{forms[0][0]} axes, {forms[0][1]} channels",
            "give images of one kind; spacing_mm says which axes are spatial",
            case.case_id,
        )
