"""Probabilities as nnU-Net v2 saves them: the only place that knows its files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.errors import FileFormatError, GeometryError, InputError, on_one_line
from segqc_conformal.sampling.channels import Channels

__all__ = ["NnunetFolder", "find_folds", "is_nnunet_folder"]

# These keep the order of voxels of the NIfTI file; others turn the image before they predict.
_READERS = ("SimpleITKIO", "NibabelIO")


def is_nnunet_folder(folder: str | Path) -> bool:
    """Return whether a folder is one into which ``nnUNetv2_predict`` wrote.

    Examples
    --------
    >>> import tempfile
    >>> is_nnunet_folder(tempfile.mkdtemp())
    False
    """
    return all((Path(folder) / name).is_file() for name in ("plans.json", "dataset.json"))


def find_folds(source: str) -> tuple[Path, ...]:
    """Return the folders that `source` names, separated by commas, if nnU-Net wrote all of them.

    Examples
    --------
    >>> find_folds("model.pt2")
    ()
    """
    folders = tuple(Path(part.strip()) for part in source.split(","))
    return folders if all(map(is_nnunet_folder, folders)) else ()


@dataclass(frozen=True)
class NnunetFolder:
    """One folder of predictions of nnU-Net v2, made with ``--save_probabilities``.

    Parameters
    ----------
    path : path
        Holds, for each case, ``<case_id>.npz`` and the mask ``<case_id>.nii.gz``, and once
        ``plans.json`` and ``dataset.json``.

    Raises
    ------
    FileFormatError
        When used: if one of its files is missing, corrupt or of another kind.
    InputError
        When used: if nnU-Net turned the images before it predicted (any reader but SimpleITKIO
        and NibabelIO), so that the probabilities lie on another grid than the image.

    Notes
    -----
    One file is one sample: ``nnUNetv2_predict`` with several folds averages them before it saves.
    For samples that differ run it once per fold, each into a folder of its own.
    The pickled properties (``.pkl``) are never opened: a pickle can run any code. The mask, which
    is NIfTI, gives the grid. Written after nnU-Net 2.8.1, ``export_prediction_from_logits``.
    Guarantee: none.
    """

    path: Path

    @property
    def channels(self) -> Channels:
        """What the channels mean: regions that may overlap where the labels name regions."""
        regions = [label for label in self._labels.values() if isinstance(label, list)]
        return "overlapping" if any(len(region) > 1 for region in regions) else "exclusive"

    @property
    def structures(self) -> dict[str, int]:
        """Name -> label of each channel: the label itself, or the place among the regions."""
        labels = {name: label for name, label in self._labels.items() if name != "ignore"}
        if self.channels == "overlapping":
            named = [name for name, label in labels.items() if label not in (0, [0])]
            return {name: number for number, name in enumerate(named, start=1)}
        whole = {name: int(np.ravel(label)[0]) for name, label in labels.items()}
        return {name: label for name, label in whole.items() if label != 0}

    def mask(self, case_id: str) -> Path:
        """Return where nnU-Net wrote the mask of a case."""
        return self.path / f"{case_id}{self._json('dataset.json').get('file_ending', '.nii.gz')}"

    def probabilities(self, case_id: str) -> NDArray[Any]:
        """Read the one sample of a case, shape ``(classes, x, y, z)``, as the NIfTI axes run.

        Raises
        ------
        GeometryError
            If it is not on the grid of the mask beside it.
        """
        from segqc_conformal.adapters.nifti import read_volume

        self._check_reader()
        with np.load(self.path / f"{case_id}.npz", allow_pickle=False) as arrays:
            saved = arrays["probabilities"]  # (classes, z, y, x), as SimpleITK has its axes
        if saved.ndim != 4 or saved.dtype.kind != "f":
            raise FileFormatError(
                "probabilities of nnU-Net, floating-point (classes, z, y, x)",
                f"dtype {saved.dtype} and shape {saved.shape}",
                "let nnUNetv2_predict --save_probabilities write them",
            )
        sample = saved.transpose(0, 3, 2, 1)
        expected = read_volume(self.mask(case_id)).array.shape
        if sample.shape[1:] != expected:
            raise GeometryError(
                f"probabilities on the grid {expected} of {self.mask(case_id).name}",
                f"grid {sample.shape[1:]}",
                "keep the .npz and the mask of one prediction together",
            )
        return np.ascontiguousarray(sample)

    def check_structures(self, structures: Mapping[str, int]) -> None:
        """Refuse a structure that has a name of `dataset.json` and another label.

        Raises
        ------
        InputError
            Naming it.
        """
        for name, label in structures.items():
            if self.structures.get(name, label) != label:
                raise InputError(
                    f"{name}={self.structures[name]}, as dataset.json of {self.path.name} says",
                    f"{name}={label}",
                    "give the labels of dataset.json; regions count from 1 in its order",
                )

    def _check_reader(self) -> None:
        reader = self._json("plans.json").get("image_reader_writer")
        if reader not in _READERS:
            raise InputError(
                f"predictions read by {' or '.join(_READERS)}",
                f"{reader} in {self.path.name}/plans.json, which turns images or is no NIfTI",
                "save the probabilities on the image's grid, in the axis order of the image, as "
                "(samples, classes, x, y, z)",
            )

    @property
    def _labels(self) -> dict[str, Any]:
        labels = self._json("dataset.json").get("labels")
        if not isinstance(labels, dict):
            raise self._unreadable("dataset.json", "no labels in it")
        return labels

    def _json(self, name: str) -> dict[str, Any]:
        try:
            read = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise self._unreadable(name, on_one_line(error)) from error
        if not isinstance(read, dict):
            raise self._unreadable(name, type(read).__name__)
        return read

    def _unreadable(self, name: str, received: str) -> FileFormatError:
        return FileFormatError(
            f"{name} of nnU-Net v2 in {self.path.name}", received, "copy it from nnU-Net's output"
        )
