"""A case whose probabilities were saved: no image is needed, only its grid."""

from __future__ import annotations

import zipfile
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from segqc_conformal.adapters.nnunet import NnunetFolder, is_nnunet_folder
from segqc_conformal.case import Case
from segqc_conformal.errors import FileFormatError, GeometryError, InputError, on_one_line
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.geometry import Grid, check_same_grid

__all__ = ["StoredCaseFiles"]

_SPACING_MEMBER = "spacing_mm"


@dataclass(frozen=True)
class StoredCaseFiles(CaseFiles):
    """Where the saved probabilities of a case lie, and what gives their grid.

    Parameters
    ----------
    case_id, patient_id, site, mask, reference, time
        As in `CaseFiles`.
    image : path
        The ``.npz`` or NIfTI file of probabilities, or the folder of the case's NIfTI samples.
    samples : tuple of path
        The files of probabilities, as `StoredSamples` reads them.
    scan : path, optional
        The image, as in `CaseFiles`.
    spacing_mm : tuple of float, optional
        Voxel size for ``.npz`` probabilities where no file holds it.

    Notes
    -----
    The grid comes from the first of: NIfTI probabilities, `scan`, the mask that nnU-Net wrote
    beside its probabilities, `mask`, `reference`, "spacing_mm" in the ``.npz`` file,
    `spacing_mm`. Without any of them the case is refused.
    Intensities come from `scan` alone; without it the image is constant.
    Guarantee: none.

    Examples
    --------
    >>> StoredCaseFiles("c17", "p9", "A", "c17.npz", samples=(Path("c17.npz"),)).scan is None
    True
    """

    samples: tuple[Path, ...] = ()
    scan: Path | None = None
    spacing_mm: tuple[float, ...] | None = None

    def load(self) -> Case:
        """Return a case on the grid of the probabilities.

        Raises
        ------
        FileFormatError
            If a file is missing, corrupt, truncated or of another kind.
        GeometryError
            If spacing, shape or affine of the probabilities and the masks disagree.
        InputError
            If nothing says how large a voxel is.
        """
        first = self.samples[0]
        stored = _stored_spacing(first, self.case_id) if first.suffix == ".npz" else None
        beside = _beside(first)
        saved = first if first.suffix != ".npz" else beside or self.mask or self.reference
        grid = self.scan or saved
        if grid is None:
            return self._without_grid_file(stored or self.spacing_mm)
        case = self._read(grid)
        if self.scan is not None and beside is not None:
            replace(self, mask=beside, reference=None)._read(self.scan)  # compares their geometry
        if self.scan is None:
            # The grid of a mask or of probabilities was read, not intensities: features of the
            # image must not see the reference mask.
            case = replace(case, image=np.broadcast_to(np.float32(0), case.spatial_shape))
        check_same_grid(
            Grid(case.spatial_shape, spacing_mm=case.spacing),
            Grid(case.spatial_shape, spacing_mm=stored),
            f"probabilities in {first.name}",
            self.case_id,
            or_else=f"correct spacing_mm, which {Path(grid).name} contradicts",
        )
        return case

    def _without_grid_file(self, spacing: tuple[float, ...] | None) -> Case:
        if spacing is None:
            raise InputError(
                "a voxel size",
                f"{self.samples[0].name} without 'spacing_mm', and no image or mask",
                "give --spacing, or save it: np.savez(path, probabilities=..., spacing_mm=...)",
                self.case_id,
            )
        spatial = _spatial_shape(self.samples[0], self.case_id)
        if len(spatial) != len(spacing):
            raise GeometryError(
                f"probabilities of shape (samples, classes, *spatial) with {len(spacing)} spatial "
                "axes",
                f"{len(spatial)} spatial axes",
                "keep the axis of samples also where there is one: probabilities[None]",
                self.case_id,
            )
        return Case(
            np.broadcast_to(np.float32(0), spatial),
            case_id=self.case_id,
            patient_id=self.patient_id,
            site=self.site,
            time=self.time,
            spacing_mm=spacing,
        )


def _beside(samples: Path) -> Path | None:
    """Return the mask of nnU-Net, where it made the samples."""
    folder = samples.parent
    return NnunetFolder(folder).mask(samples.stem) if is_nnunet_folder(folder) else None


def _spatial_shape(path: Path, case_id: str) -> tuple[int, ...]:
    from segqc_conformal.sampling.sample_files import read_samples

    with closing(read_samples(path, case_id)) as samples:  # type: ignore[type-var]
        return tuple(next(samples).shape[1:])


def _stored_spacing(path: Path, case_id: str) -> tuple[float, ...] | None:
    try:
        zipfile.ZipFile(path).close()  # numpy would take another file for a pickle, and say so
        with np.load(path, allow_pickle=False) as arrays:
            if _SPACING_MEMBER not in arrays.files:
                return None
            return tuple(float(step) for step in arrays[_SPACING_MEMBER])
    except FileNotFoundError:
        raise FileFormatError(
            "an existing file of probabilities", str(path), "check the path", case_id
        ) from None
    except Exception as error:  # zipfile, zlib and numpy each raise their own kinds
        raise FileFormatError(
            f"a readable {path.name}",
            on_one_line(error),
            "write the file again: it is truncated, corrupt or not what its name says",
            case_id,
        ) from error
