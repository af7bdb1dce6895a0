"""The file of a judged mask: which bytes, and where its voxels lie."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segqc_conformal.errors import SegqcError
from segqc_conformal.features.case_folders import find_files
from segqc_conformal.geometry import orientation

__all__ = ["MaskFile", "find_masks"]


@dataclass(frozen=True)
class MaskFile:
    """A NIfTI file of a judged mask.

    Parameters
    ----------
    path : Path
    case_id : str

    Notes
    -----
    Guarantee: none; the facts are those of the file when they are asked for.
    """

    path: Path
    case_id: str

    @property
    def facts(self) -> dict[str, Any]:
        """Name, SHA-256, shape, spacing, affine and orientation; or the fault of the file.

        Examples
        --------
        >>> MaskFile(Path("none.nii.gz"), "c17").facts["fault"][:49]
        'case c17: expected an existing NIfTI file; receiv'
        """
        from segqc_conformal.adapters.nifti import read_grid

        try:
            grid = read_grid(self.path, self.case_id)
        except SegqcError as error:
            return {"file": self.path.name, "fault": str(error)}
        with self.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {
            "file": self.path.name,
            "sha256": digest,
            "shape": list(grid.shape),
            "spacing_mm": list(grid.spacing_mm or ()),
            "affine": None if grid.affine is None else grid.affine.tolist(),
            "orientation": None if grid.affine is None else orientation(grid.affine),
        }


def find_masks(folder: str | Path) -> dict[str, MaskFile]:
    """Find the masks of a folder by case id, as `find_files` does."""
    return {case_id: MaskFile(path, case_id) for case_id, path in find_files(folder).items()}
