"""Which patients a training is stopped by: whole patients that do not train."""

from __future__ import annotations

from collections.abc import Sequence

from segqc_conformal.errors import InputError
from segqc_conformal.patients import stable_hash
from segqc_conformal.quality.net.prepared import Prepared

__all__ = ["checked_validation", "split_for_stopping"]

SHARE = 0.2


def split_for_stopping(
    cases: Sequence[Prepared], seed: int
) -> tuple[list[Prepared], list[Prepared]]:
    """Set a fifth of the patients aside, in the order of a hash.

    Returns
    -------
    (training, validation) : tuple of list of Prepared
        Corrupted cases of validation patients are in neither: corrupted cases do not evaluate, and
        their patients do not train.

    Raises
    ------
    InputError
        With fewer than two patients of cases that are not corrupted.
    """
    own = {case.patient_id for case in cases if not case.corrupted}
    if len(own) < 2:
        raise InputError(
            "at least two patients with a case that is not corrupted, one of them to stop by",
            f"{len(own)}",
            "give more patients",
        )
    ordered = sorted(own, key=lambda patient: stable_hash(seed, f"stop {patient}"))
    stopping = set(ordered[: max(1, round(SHARE * len(ordered)))])
    training = [case for case in cases if case.patient_id not in stopping]
    aside = [case for case in cases if case.patient_id in stopping and not case.corrupted]
    return training, aside


def checked_validation(training: Sequence[Prepared], validation: Sequence[Prepared]) -> None:
    """Refuse validation cases that are corrupted or of a training patient.

    Raises
    ------
    InputError
        Naming the case.
    """
    trained = {case.patient_id for case in training}
    for case in validation:
        if case.corrupted or case.patient_id in trained:
            raise InputError(
                "validation cases that are not corrupted, of patients that do not train",
                "a corrupted one" if case.corrupted else f"one of patient {case.patient_id}",
                "leave it out, or let fit set patients aside itself",
                case.case_id,
            )
    if not validation or not training:
        raise InputError(
            "cases to train on and cases to stop by",
            f"{len(training)} and {len(validation)}",
            "give both, or let fit set patients aside itself",
        )
