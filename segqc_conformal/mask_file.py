"""The file of a judged mask: which bytes, and where its voxels lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segqc_conformal.adapters.dicom_files import holds_dicom
from segqc_conformal.errors import SegqcError
from segqc_conformal.features.named_files import NIFTI, find_files
from segqc_conformal.file_hash import file_sha256
from segqc_conformal.geometry import orientation

__all__ = ["MaskFile", "find_masks"]


@dataclass(frozen=True)
class MaskFile:
    """A file of a judged mask: NIfTI or DICOM SEG.

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
        """Name, SHA-256 and, of NIfTI, geometry; or the fault of the file.

        Examples
        --------
        >>> MaskFile(Path("none.nii.gz"), "c17").facts["fault"][:49]
        'case c17: expected an existing NIfTI file; receiv'
        """
        from segqc_conformal.adapters.nifti import read_grid

        if holds_dicom(self.path):  # its geometry is that of its series
            return {"file": self.path.name, "sha256": file_sha256(self.path)}
        try:
            grid = read_grid(self.path, self.case_id)
        except SegqcError as error:
            return {"file": self.path.name, "fault": str(error)}
        return {
            "file": self.path.name,
            "sha256": file_sha256(self.path),
            "shape": list(grid.shape),
            "spacing_mm": list(grid.spacing_mm or ()),
            "affine": None if grid.affine is None else grid.affine.tolist(),
            "orientation": None if grid.affine is None else orientation(grid.affine),
        }


def find_masks(folder: str | Path) -> dict[str, MaskFile]:
    """Find masks by case id: ``<case_id>.nii.gz`` or DICOM SEG ``<case_id>.dcm``."""
    found = find_files(folder, (*NIFTI, ".dcm"))
    return {case_id: MaskFile(path, case_id) for case_id, path in found.items()}
