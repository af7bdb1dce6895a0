"""Files and folders that name the case they belong to."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TypeVar

from segqc_conformal.errors import FileFormatError, InputError

__all__ = ["NIFTI", "find_files", "folders_inside", "one_for_each_case"]

NIFTI = (".nii.gz", ".nii")

_Found = TypeVar("_Found")


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


def folders_inside(folder: str | Path, apart: Collection[str | Path]) -> Iterator[Path]:
    """Yield the folders inside one, without hidden ones and those that hold something else."""
    others = {Path(other).resolve() for other in apart}
    for part in sorted(Path(folder).iterdir()):
        if part.is_dir() and not part.name.startswith(".") and part.resolve() not in others:
            yield part


def one_for_each_case(
    folder: str | Path, files: dict[str, _Found], inner: dict[str, _Found]
) -> dict[str, _Found]:
    """Return what files and folders hold by case id; refuse a case that has both."""
    for case_id in files.keys() & inner.keys():
        raise InputError(
            f"one file or one folder for each case in {folder}",
            f"a file and the folder {case_id}",
            "move one of them away",
            case_id,
        )
    return dict(sorted((files | inner).items()))
