"""Finding the cases of a batch in folders: one case for each file name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segqc_conformal.adapters.dicom_files import patient_id
from segqc_conformal.errors import InputError
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.features.case_list import ListedCase
from segqc_conformal.features.named_files import NIFTI
from segqc_conformal.features.sample_folders import find_samples, samples_of_folds
from segqc_conformal.features.stored_case_files import StoredCaseFiles
from segqc_conformal.features.volume_folders import find_volumes

__all__ = ["FoundCases", "find_cases"]


@dataclass(frozen=True)
class FoundCases:
    """The cases of a batch, and the files that belong to none of them.

    Parameters
    ----------
    cases : tuple of CaseFiles
        A listed case whose file is missing is among them: it fails when its turn comes.
    unused : tuple of path
        Files of images, probabilities, masks and references that fit no case.
    samples : dict of str to tuple of path
        Case id -> files of saved probabilities, as `StoredSamples` takes them; empty for images.

    Notes
    -----
    Guarantee: none.
    """

    cases: tuple[CaseFiles, ...]
    unused: tuple[Path, ...]
    samples: dict[str, tuple[Path, ...]] = field(default_factory=dict)


def find_cases(
    *,
    images: str | Path | None = None,
    probabilities: str | Path | Sequence[Path] | None = None,
    masks: str | Path | None = None,
    references: str | Path | None = None,
    listed: Iterable[ListedCase] | None = None,
    spacing_mm: tuple[float, ...] | None = None,
) -> FoundCases:
    """Find the cases of a batch, matched by file name.

    Parameters
    ----------
    images : path, optional
        Folder of images (see `find_volumes`). With `probabilities` it only gives the grid.
    probabilities : path or sequence of path, optional
        Folder of saved probabilities (see `find_samples`), or the folders of nnU-Net, one for
        each fold; its images may be named ``<case_id>_0000.nii.gz``.
    masks, references : path, optional
        Folders of deployed and reference masks (see `find_volumes`). A case without a file in
        `masks` fails, a case without one in `references` has no known Dice.
    listed : iterable of ListedCase, optional
        The cases to take, with patient, site and time. None: every case found, each its own
        patient, but for DICOM images with a PatientID, which is the patient.
    spacing_mm : tuple of float, optional
        Voxel size of ``.npz`` probabilities where no file holds it.

    Returns
    -------
    FoundCases

    Raises
    ------
    FileFormatError
        If a folder does not exist.
    InputError
        If there is no case at all, or two files name the same one.

    Notes
    -----
    Guarantee: every listed case comes out, whether its files exist or not.
    """
    saved = _as_folders(probabilities)
    folder = saved[0] if saved else Path(images or ".")
    others = [other for other in (images, masks, references) if other is not None]
    scans = {} if images is None else find_volumes(images, apart=others)
    samples = samples_of_folds(saved) if len(saved) > 1 else {}
    if len(saved) == 1:
        samples = find_samples(folder, apart=others)
    main = {name: paths[0] for name, paths in samples.items()} if saved else scans
    deployed = {} if masks is None else find_volumes(masks, apart=others)
    known = {} if references is None else find_volumes(references, apart=others)
    if listed is None:
        listed = [ListedCase(case_id, _patient(scans.get(case_id)) or case_id) for case_id in main]
    cases: list[CaseFiles] = []
    for case in listed:
        mask = None if masks is None else _path(deployed, case.case_id, Path(masks))
        files = (mask, known.get(case.case_id), case.time)
        ids = (case.case_id, case.patient_id, case.site)
        if not saved:
            cases.append(CaseFiles(*ids, _path(scans, case.case_id, folder), *files))
            continue
        paths = samples.setdefault(case.case_id, (folder / f"{case.case_id}.npz",))
        whole = paths[0] if paths[0].parent == folder else paths[0].parent
        scan = scans.get(case.case_id, scans.get(f"{case.case_id}_0000"))
        cases.append(StoredCaseFiles(*ids, whole, *files, paths, scan, spacing_mm))
    if not cases:
        raise InputError("at least one case", f"none in {folder}", _what_is_read(bool(saved)))
    taken = {case.case_id for case in cases}
    return FoundCases(tuple(cases), _left_over([main, deployed, known], taken), samples)


def _patient(scan: Path | None) -> str | None:
    return None if scan is None else patient_id(scan)


def _as_folders(probabilities: str | Path | Sequence[Path] | None) -> tuple[Path, ...]:
    if probabilities is None:
        return ()
    if isinstance(probabilities, str | Path):
        return (Path(probabilities),)
    return tuple(probabilities)


def _path(files: Mapping[str, Path], case_id: str, folder: Path) -> Path:
    # a path that does not exist makes the case fail by name when its turn comes
    return files.get(case_id, folder / f"{case_id}{NIFTI[0]}")


def _left_over(folders: list[dict[str, Path]], taken: set[str]) -> tuple[Path, ...]:
    return tuple(path for files in folders for name, path in files.items() if name not in taken)


def _what_is_read(saved: bool) -> str:
    if not saved:
        return (
            "give a folder of images: <case_id>.nii.gz, or the files of one DICOM series directly "
            "in <case_id>/"
        )
    return (
        "give a folder of saved probabilities: <case_id>.npz with the array 'probabilities' "
        "(samples, classes, *spatial), <case_id>.nii.gz (x, y, z, classes), or a folder "
        "<case_id>/ of such NIfTI files"
    )
