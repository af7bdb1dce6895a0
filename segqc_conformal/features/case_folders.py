"""Finding the cases of a batch in folders: one case for each file name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from segqc_conformal.adapters.dicom_files import holds_dicom, patient_id
from segqc_conformal.adapters.nnunet import is_nnunet_folder
from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.features.case_list import ListedCase
from segqc_conformal.features.stored_case_files import StoredCaseFiles

__all__ = ["NIFTI", "FoundCases", "find_cases", "find_files", "find_samples", "find_volumes"]

NIFTI = (".nii.gz", ".nii")

_Found = TypeVar("_Found")


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


def find_files(folder: str | Path, suffixes: tuple[str, ...] = NIFTI) -> dict[str, Path]:
    """Find the files of a folder by case id, which is the file name without its suffix.

    Parameters
    ----------
    folder : path
        Searched without its sub-folders; hidden files are skipped.
    suffixes : tuple of str
        Endings that count.

    Returns
    -------
    dict of str to Path
        Sorted by case id.

    Raises
    ------
    FileFormatError
        If the folder does not exist.
    InputError
        If two files name the same case.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("c2.nii.gz", "c1.nii", "._c1.nii", "notes.txt"):
    ...     (folder / name).touch()
    >>> list(find_files(folder))
    ['c1', 'c2']
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileFormatError("an existing folder", str(folder), "check the path")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        suffix = next((end for end in suffixes if path.name.endswith(end)), None)
        if suffix is None or path.name.startswith(".") or not path.is_file():
            continue
        case_id = path.name.removesuffix(suffix)
        if case_id in found:
            raise InputError(
                f"one file for each case in {folder}",
                f"{found[case_id].name} and {path.name}",
                "move one of them away",
                case_id,
            )
        found[case_id] = path
    return dict(sorted(found.items()))


def find_samples(
    folder: str | Path, apart: Collection[str | Path] = ()
) -> dict[str, tuple[Path, ...]]:
    """Find saved probabilities by case id.

    Parameters
    ----------
    folder : path
        Holds, for each case, ``<case_id>.npz``, or ``<case_id>.nii.gz`` of shape
        ``(x, y, z, classes)``, or a folder ``<case_id>/`` of such NIfTI files, one per sample.
        Of a folder of nnU-Net v2, whose masks lie beside, only ``.npz`` files count.
    apart : collection of path
        Folders that hold something else (masks, images), even where they lie inside `folder`.

    Returns
    -------
    dict of str to tuple of Path
        Sorted by case id; empty if there is none.

    Raises
    ------
    FileFormatError
        If the folder does not exist.
    InputError
        If two files, or a file and a folder, name the same case.

    Notes
    -----
    Guarantee: none.
    """
    nnunet = is_nnunet_folder(folder)
    suffixes = (".npz",) if nnunet else (".npz", *NIFTI)
    files: dict[str, tuple[Path, ...]] = {
        case_id: (path,) for case_id, path in find_files(folder, suffixes).items()
    }
    if nnunet:
        return files
    inner = {part.name: tuple(find_files(part).values()) for part in _inside(folder, apart)}
    return _joined(folder, files, {name: paths for name, paths in inner.items() if paths})


def find_volumes(folder: str | Path, apart: Collection[str | Path] = ()) -> dict[str, Path]:
    """Find images or masks by case id.

    Parameters
    ----------
    folder : path
        Holds, for each case, ``<case_id>.nii.gz``, or ``<case_id>.dcm`` (an enhanced multi-frame
        image or a DICOM SEG), or a folder ``<case_id>/`` of the DICOM files of one series.
    apart : collection of path
        Folders that hold something else, even where they lie inside `folder`.

    Returns
    -------
    dict of str to Path
        Sorted by case id; empty if there is none.

    Raises
    ------
    FileFormatError
        If the folder does not exist.
    InputError
        If two files, or a file and a folder, name the same case.

    Notes
    -----
    Guarantee: none.
    """
    files = find_files(folder, (*NIFTI, ".dcm"))
    series = {part.name: part for part in _inside(folder, apart) if holds_dicom(part)}
    return _joined(folder, files, series)


def _inside(folder: str | Path, apart: Collection[str | Path]) -> Iterator[Path]:
    others = {Path(other).resolve() for other in apart}
    for part in sorted(Path(folder).iterdir()):
        if part.is_dir() and not part.name.startswith(".") and part.resolve() not in others:
            yield part


def _joined(
    folder: str | Path, files: dict[str, _Found], inner: dict[str, _Found]
) -> dict[str, _Found]:
    for case_id in files.keys() & inner.keys():
        raise InputError(
            f"one file or one folder for each case in {folder}",
            f"a file and the folder {case_id}",
            "move one of them away",
            case_id,
        )
    return dict(sorted((files | inner).items()))


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
    samples = _samples_of_folds(saved) if len(saved) > 1 else {}
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


def _samples_of_folds(folders: Sequence[Path]) -> dict[str, tuple[Path, ...]]:
    """Find a path in each fold of nnU-Net; one that does not exist makes its case fail."""
    case_ids = {case_id for folder in folders for case_id in find_samples(folder)}
    return {
        case_id: tuple(folder / f"{case_id}.npz" for folder in folders)
        for case_id in sorted(case_ids)
    }


def _path(files: Mapping[str, Path], case_id: str, folder: Path) -> Path:
    # a path that does not exist makes the case fail by name when its turn comes
    return files.get(case_id, folder / f"{case_id}{NIFTI[0]}")


def _left_over(folders: list[dict[str, Path]], taken: set[str]) -> tuple[Path, ...]:
    return tuple(path for files in folders for name, path in files.items() if name not in taken)


def _what_is_read(saved: bool) -> str:
    if not saved:
        return "give a folder of images: <case_id>.nii.gz, or DICOM series in <case_id>/"
    return (
        "give a folder of saved probabilities: <case_id>.npz with the array 'probabilities' "
        "(samples, classes, *spatial), <case_id>.nii.gz (x, y, z, classes), or a folder "
        "<case_id>/ of such NIfTI files"
    )
