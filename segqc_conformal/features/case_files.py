"""A case whose image and masks are files, read only when its turn comes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from segqc_conformal.case import Case

__all__ = ["CaseFiles"]


@dataclass(frozen=True)
class CaseFiles:
    """Where a case lies on disk; a batch of these holds one image in memory at a time.

    Parameters
    ----------
    case_id, patient_id, site : str
        As in `Case`.
    image : path
        NIfTI, ``(x, y, z)`` or ``(x, y, z, channels)``; or DICOM: the folder of a series, or an
        enhanced multi-frame file.
    mask : path, optional
        The deployed mask on the image's grid: NIfTI or DICOM SEG.
    reference : path, optional
        The reference mask on the image's grid.
    time : datetime, optional
        When the image was acquired.
    corrupted : bool
        Whether `mask` was corrupted on purpose, as in `Case`.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> CaseFiles("c17", "p9", "A", "c17.nii.gz").mask is None
    True
    """

    case_id: str
    patient_id: str
    site: str
    image: str | Path
    mask: str | Path | None = None
    reference: str | Path | None = None
    time: datetime | None = None
    corrupted: bool = field(default=False, kw_only=True)

    def load(self) -> Case:
        """Read the files and compare their geometry.

        Raises
        ------
        FileFormatError
            If a file is missing, corrupt, truncated or of another kind.
        GeometryError
            If the grids of image, mask and reference mask disagree, or slices make none.
        """
        return self._read(self.image)

    def _read(self, grid: str | Path) -> Case:
        from segqc_conformal.features.case_reading import read_case

        case = read_case(
            grid,
            case_id=self.case_id,
            patient_id=self.patient_id,
            site=self.site,
            mask=self.mask,
            reference=self.reference,
            time=self.time,
        )
        return replace(case, corrupted=True) if self.corrupted else case
