"""Samples in files, read one at a time: .npz, memory-mapped .npy, NIfTI and nnU-Net's."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from segqc_conformal.adapters.nnunet import NnunetFolder, is_nnunet_folder
from segqc_conformal.errors import FileFormatError, SegqcError, on_one_line

__all__ = ["read_samples"]

_MEMBERS = ("probabilities", "evidence")


def read_samples(path: Path, case_id: str | None = None) -> Iterator[NDArray[Any]]:
    """Read the samples in one file, holding one at a time.

    Parameters
    ----------
    path : Path
        ``.npz`` with the array "probabilities" (else "evidence") or ``.npy``, shape ``(samples,
        classes, *spatial)``, or ``.nii`` / ``.nii.gz`` of shape ``(x, y, z, classes)``, which is
        one sample. A ``.npz`` file in a folder of nnU-Net v2 is one sample, as `NnunetFolder`
        says.
    case_id : str, optional
        Named in errors.

    Yields
    ------
    ndarray, shape ``(classes, *spatial)``

    Raises
    ------
    FileFormatError
        If the file is missing, corrupt, truncated or of another kind.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "c17.npz"
    >>> np.savez_compressed(path, probabilities=np.full((3, 2, 4, 4), 0.5, np.float16))
    >>> [sample.shape for sample in read_samples(path)]
    [(2, 4, 4), (2, 4, 4), (2, 4, 4)]
    """
    name = path.name.lower()
    try:
        if name.endswith(".npz") and is_nnunet_folder(path.parent):
            yield NnunetFolder(path.parent).probabilities(path.stem)
        elif name.endswith(".npz"):
            yield from _from_npz(path)
        elif name.endswith(".npy"):
            yield from _from_npy(path)
        elif name.endswith((".nii", ".nii.gz")):
            yield _from_nifti(path)
        else:
            raise FileFormatError(
                "samples in .npz, .npy, .nii or .nii.gz", path.name, "convert the file", case_id
            )
    except SegqcError as error:
        raise type(error)(error.expected, error.received, error.remedy, case_id) from error
    except FileNotFoundError:
        raise FileFormatError(
            "an existing file of samples", str(path), "check the path", case_id
        ) from None
    except Exception as error:
        raise FileFormatError(
            f"readable samples in {path.name}",
            on_one_line(error),
            "write the file again: it is truncated, corrupt or not what its name says",
            case_id,
        ) from error


def _from_npz(path: Path) -> Iterator[NDArray[Any]]:
    with zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        member = next((name for name in _MEMBERS if name in names), None)
        if member is None:
            raise FileFormatError(
                f"an array named {_MEMBERS[0]!r}",
                names,
                f"save it as np.savez(path, {_MEMBERS[0]}=...)",
            )
        with archive.open(f"{member}.npy") as stream:
            read_header = (
                npy.read_array_header_1_0
                if npy.read_magic(stream) == (1, 0)
                else npy.read_array_header_2_0
            )
            shape, fortran_order, dtype = read_header(stream)
            _check_header(shape, dtype)
            if fortran_order:  # samples do not lie one after another: all at once, then
                with np.load(path, allow_pickle=False) as arrays:
                    yield from arrays[member]
                return
            size = prod(shape[1:]) * dtype.itemsize
            for number in range(shape[0]):
                data = bytearray(stream.read(size))
                if len(data) < size:
                    raise EOFError(f"sample {number} of {shape[0]} is cut short")
                yield np.frombuffer(data, dtype).reshape(shape[1:])
            stream.read(1)  # reaching the end makes zipfile compare the checksum


def _from_npy(path: Path) -> Iterator[NDArray[Any]]:
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    _check_header(mapped.shape, mapped.dtype)
    for number in range(len(mapped)):
        yield np.array(mapped[number])


def _from_nifti(path: Path) -> NDArray[Any]:
    from segqc_conformal.adapters.nifti import read_volume

    array = read_volume(path).array
    if array.ndim != 4:
        raise FileFormatError(
            "probabilities of shape (x, y, z, classes)",
            array.shape,
            "save the probabilities of all classes in one 4-D file",
        )
    return np.ascontiguousarray(np.moveaxis(array, -1, 0))


def _check_header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if len(shape) < 3 or shape[0] < 1 or dtype.kind != "f":
        raise FileFormatError(
            "floating-point probabilities of shape (samples, classes, *spatial)",
            f"dtype {dtype} and shape {shape}",
            "stack the samples along the first axis, one sample: probabilities[None]; of nnU-Net "
            "keep plans.json and dataset.json beside the files",
        )
