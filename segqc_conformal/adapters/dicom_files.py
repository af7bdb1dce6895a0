"""Which files are DICOM, and their headers."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from segqc_conformal.errors import FileFormatError, InputError, SegqcError, on_one_line

if TYPE_CHECKING:
    from pydicom import FileDataset

__all__ = ["check_dicom_installed", "holds_dicom", "patient_id", "read_files"]

_PREAMBLE = 128
_INDEX = "DICOMDIR"  # a table of contents, no image


def holds_dicom(path: str | Path) -> bool:
    """Return whether a path is a DICOM file, or a folder that directly holds one.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> holds_dicom(folder)
    False
    >>> _ = (folder / "IM0001").write_bytes(bytes(128) + b"DICM")
    >>> holds_dicom(folder), holds_dicom(folder / "IM0001")
    (True, True)
    """
    path = Path(path)
    return any(map(_is_dicom, _inside(path) if path.is_dir() else [path]))


def _inside(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith(".") and path.name != _INDEX:
            yield path


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(_PREAMBLE + 4)[_PREAMBLE:] == b"DICM"
    except OSError:
        return False


def check_dicom_installed(case_id: str | None = None) -> None:
    """Refuse to go on without the libraries of the ``dicom`` extra.

    Raises
    ------
    InputError
        If pydicom or highdicom is missing.
    """
    missing = [name for name in ("pydicom", "highdicom") if find_spec(name) is None]
    if missing:
        raise InputError(
            "pydicom and highdicom, which read and write DICOM",
            f"no {' and no '.join(missing)}",
            "install segqc-conformal[dicom]",
            case_id,
        )


def read_files(
    path: str | Path, case_id: str | None = None, *, pixels: bool = True
) -> dict[Path, FileDataset]:
    """Read one DICOM file, or all files of a folder, which must belong to one series.

    Parameters
    ----------
    path : path
        Hidden files, sub-folders and ``DICOMDIR`` are left out; any other file must be DICOM, so
        that no damaged slice is lost.
    case_id : str, optional
        Named in errors.
    pixels : bool
        Whether to read the pixels too, or headers alone.

    Returns
    -------
    dict of Path to Dataset
        Sorted by file name.

    Raises
    ------
    FileFormatError
        If a file is missing, truncated or not DICOM.
    InputError
        If the files belong to several series.

    Notes
    -----
    Guarantee: none.
    """
    path = Path(path)
    files = list(_inside(path)) if path.is_dir() else [path]
    read = {file: _read(file, case_id, pixels) for file in files}
    series: dict[str, list[str]] = {}
    for file, dataset in read.items():
        kind = f"{dataset.get('Modality', '?')} {dataset.get('SeriesInstanceUID', '?')}"
        series.setdefault(kind, []).append(file.name)
    if len(series) > 1:
        held = "; ".join(
            f"{kind}: {len(names)} files ({names[0]}, ...)" for kind, names in series.items()
        )
        raise InputError(
            f"one series in {path.name}", held, "move each series to a folder of its own", case_id
        )
    return read


def _read(file: Path, case_id: str | None, pixels: bool) -> FileDataset:
    from pydicom import dcmread

    try:
        return dcmread(file, stop_before_pixels=not pixels)
    except Exception as error:  # pydicom raises many kinds
        raise FileFormatError(
            f"a readable DICOM file in {file.name}",
            on_one_line(error),
            "export the series again, or move away what is not DICOM",
            case_id,
        ) from error


def patient_id(path: str | Path) -> str | None:
    """Return PatientID of the first DICOM file; None where there is none or it cannot be read."""
    path = Path(path)
    first = next(filter(_is_dicom, _inside(path) if path.is_dir() else [path]), None)
    try:
        check_dicom_installed()
        header = None if first is None else _read(first, None, pixels=False)
    except SegqcError:
        return None  # the case fails by name when its turn comes
    return None if header is None else str(header.get("PatientID") or "").strip() or None
