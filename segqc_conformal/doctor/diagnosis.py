"""All checks of `segqc doctor`, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from segqc_conformal.doctor import case_list, places
from segqc_conformal.doctor.cases import check_cases, holds_probabilities
from segqc_conformal.doctor.finding import Finding, complaint_of
from segqc_conformal.doctor.installation import check_installation
from segqc_conformal.doctor.subjects import Subjects
from segqc_conformal.errors import InputError, SegqcError
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.features.case_folders import FoundCases, find_cases
from segqc_conformal.features.case_list import ListedCase, read_case_list
from segqc_conformal.features.table import read_table

if TYPE_CHECKING:
    from torch import nn

    from segqc_conformal.case import Case

__all__ = ["diagnose"]

Track = Callable[[Iterable[CaseFiles]], Iterable[CaseFiles]]


def diagnose(subjects: Subjects, track: Track = iter) -> list[Finding]:
    """Check the installation and whatever else is given.

    Parameters
    ----------
    subjects : Subjects
    track : callable, optional
        Wraps the cases as they are read, for a progress bar.

    Returns
    -------
    list of Finding
        What cannot be read at all is a problem among them, never an exception.

    Notes
    -----
    Guarantee: none. Nothing is written, but for an empty file that is gone again in `out`.
    """
    findings = check_installation()
    modules, of_models = _models(subjects)
    findings += of_models
    try:
        training = _training(subjects)
        findings += _places(subjects, modules, training)
        findings += _cases(subjects, modules, training, track)
    except SegqcError as error:
        findings.append(complaint_of(error).about("cases"))
    return findings


def _models(subjects: Subjects) -> tuple[list[nn.Module], list[Finding]]:
    if not subjects.models:
        return [], []
    from segqc_conformal.doctor import model

    findings, names, modules = [], [], []
    for given in subjects.models:
        finding, module = model.unreadable_model(given)
        findings.append(finding)
        if module is not None:
            names.append(str(given) if isinstance(given, Path) else type(given).__name__)
            modules.append(module)
            findings += [model.missing_dropout(module), *model.training_export(module)]
    return modules, [*findings, *model.same_weights(names, modules)]


def _places(
    subjects: Subjects, modules: Sequence[nn.Module], training: Sequence[str]
) -> list[Finding]:
    findings = []
    if subjects.out is not None:
        findings += [places.unwritable_folder(subjects.out), *places.full_disk(subjects.out)]
    if subjects.log is not None:
        findings.append(places.unreachable_log(subjects.log))
    if subjects.calibration is not None:
        finding, gate = places.unreadable_calibration(subjects.calibration)
        findings.append(finding)
        if gate is not None:
            all_read = len(modules) == len(subjects.models)
            model_id = _identity(modules) if all_read else None
            findings += places.foreign_calibration(gate, model_id, subjects.labels)
            findings += places.calibrated_on_training(gate, training)
    return findings


def _identity(modules: Sequence[nn.Module]) -> str | None:
    from segqc_conformal.sampling.model_identity import ensemble_identity, weights_identity

    ids = [weights_identity(module) for module in modules]
    return (ids[0] if len(ids) == 1 else ensemble_identity(ids)) if ids else None


def _training(subjects: Subjects) -> list[str]:
    if subjects.training is None:
        return []
    table = read_table(subjects.training)
    if "patient_id" not in table:
        raise InputError(
            f"the column patient_id in {subjects.training.name}",
            list(table.columns)[:12],
            "write a header line: patient_id",
        )
    return [str(patient) for patient in table["patient_id"]]


def _cases(
    subjects: Subjects, modules: Sequence[nn.Module], training: Sequence[str], track: Track
) -> list[Finding]:
    given = (subjects.folder, subjects.images, subjects.masks, subjects.references)
    if not any((*given, subjects.case_list)):
        return []
    found, listed = _found(subjects)
    findings = []
    if listed is not None:
        findings = [
            case_list.count_cases(listed),
            *case_list.lost_zeros(listed, found),
            *case_list.nearly_one_patient(listed),
            *case_list.one_site(listed),
        ]
    patients = [case.patient_id for case in found.cases]
    findings += case_list.trained_on(patients, training)
    findings += check_cases(found, subjects.labels, subjects.channels, track)
    if modules and not found.samples:
        findings += _models_on_image(subjects, modules, found)
    return findings


def _found(subjects: Subjects) -> tuple[FoundCases, list[ListedCase] | None]:
    folder, images = subjects.folder, subjects.images
    saved = folder is not None and folder.is_dir() and holds_probabilities(folder)
    if folder is not None and images is not None and not saved:
        raise InputError("one folder of images", f"{folder} and {images}", "leave one out")
    if folder is None and images is None:
        raise InputError(
            "a folder of images or saved probabilities", "none", "name it: segqc doctor FOLDER"
        )
    listed = None if subjects.case_list is None else read_case_list(subjects.case_list)
    found = find_cases(
        images=images if saved else images or folder,
        probabilities=folder if saved else None,
        masks=subjects.masks,
        references=subjects.references,
        listed=listed,
        spacing_mm=subjects.spacing_mm,
    )
    return found, listed


def _models_on_image(
    subjects: Subjects, modules: Sequence[nn.Module], found: FoundCases
) -> list[Finding]:
    for files in found.cases:
        try:
            case = files.load()
        except SegqcError:  # said above, where each case was read
            continue
        return [finding for one in modules for finding in _on_image(subjects, one, case)]
    return []


def _on_image(subjects: Subjects, module: nn.Module, case: Case) -> list[Finding]:
    from segqc_conformal.doctor import model_output

    finding, outputs = model_output.failing_model(module, case, subjects.labels)
    if not outputs:
        return [finding]
    complaints = [
        *model_output.random_in_evaluation(outputs),
        *model_output.wrong_activation(outputs[0], subjects.activation),
        *model_output.silent_dropout(module, case),
    ]
    return [finding, *(complaint.about(finding.subject) for complaint in complaints)]
