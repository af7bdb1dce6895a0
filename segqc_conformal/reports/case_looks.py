"""Where to look in each referred case, from its image, its mask and its saved maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.case import Case
from segqc_conformal.errors import FileFormatError, InputError, SegqcError
from segqc_conformal.features.table import write_table
from segqc_conformal.features.volume_folders import find_volumes
from segqc_conformal.file_names import safe_file_name
from segqc_conformal.geometry import Grid, default_affine
from segqc_conformal.progress_bar import progress_bar
from segqc_conformal.reports.case_look import CaseLook
from segqc_conformal.reports.slice_picture import slice_picture

__all__ = ["CaseFolders", "look_at_cases"]

FIRST = 5  # slices named
EMPTY = pd.DataFrame({"place": [], "case_id": []})  # what is written where no case could be read


class CaseFolders:
    """The folders in which image, deployed mask and saved maps of a case lie.

    Parameters
    ----------
    images : path
        Folder of images (see `find_volumes`).
    maps : path
        A folder ``<case_id>/`` for each case, as `save_maps` and ``segqc extract --maps`` write
        them.
    structures : mapping of str to int
        Structure name -> label.
    masks : path, optional
        Folder of deployed masks (see `find_volumes`). None: the judged masks saved beside the
        maps.

    Raises
    ------
    FileFormatError
        If a folder does not exist.
    InputError
        If two files name the same case.

    Notes
    -----
    Guarantee: none.
    """

    def __init__(
        self,
        images: str | Path,
        maps: str | Path,
        structures: Mapping[str, int],
        masks: str | Path | None = None,
    ) -> None:
        self._images = find_volumes(images)
        self._masks = None if masks is None else find_volumes(masks)
        self._maps, self._structures = Path(maps), dict(structures)
        if not self._maps.is_dir():
            raise FileFormatError("an existing folder", str(maps), "check the path")

    def look(self, case_id: str) -> tuple[CaseLook, NDArray[np.int32], Case]:
        """Read a case and find where to look.

        Returns
        -------
        look : CaseLook
        labels : ndarray of int32, shape ``(*spatial)``
            The region of place k is k.
        case : Case

        Raises
        ------
        InputError
            If a file is missing or cannot be read, or grids differ; naming the case.
        """
        from segqc_conformal.review.order import in_order, slices_together
        from segqc_conformal.review.regions import find_regions
        from segqc_conformal.review.saved_case import read_judged_structures
        from segqc_conformal.review.slices import slice_rows
        from segqc_conformal.review.voxel_doubt import EXPECTED_ERROR, voxel_values

        case = self._read(case_id)
        structures = read_judged_structures(
            self._maps / safe_file_name(case_id),
            self._structures,
            case_id=case_id,
            mask=case.mask,
            image=Grid(case.spatial_shape, case.affine, case.spacing),
        )
        regions = find_regions(structures, case_id)
        axis, number, slices = None, 0, []
        if len(case.spatial_shape) == 3:
            rows = pd.concat([slice_rows(each, case_id) for each in structures])
            first = in_order(slices_together(rows)).head(FIRST)
            slices, axis = first["slice"].tolist(), int(first["axis"].iloc[0])
            number = slices[0]
        here = regions.labels if axis is None else regions.labels.take(number, axis)
        shown = slice_picture(
            case,
            axis,
            number,
            np.max([each.judged.numpy() * (i + 1) for i, each in enumerate(structures)], axis=0),
            np.max([voxel_values(each, EXPECTED_ERROR) for each in structures], axis=0),
            regions.labels if here.any() else None,
        )
        count = 0 if axis is None else case.spatial_shape[axis]
        return CaseLook(slices, axis, count, regions.rows, shown), regions.labels, case

    def _read(self, case_id: str) -> Case:
        from segqc_conformal.features.case_reading import read_case

        for name, files in (("image", self._images), ("mask", self._masks)):
            if files is not None and case_id not in files:
                raise InputError(
                    f"an {name}" if name == "image" else f"a {name}",
                    f"no file {case_id}.nii.gz",
                    f"put it into the folder of {name}s",
                    case_id,
                )
        return read_case(
            self._images[case_id],
            case_id=case_id,
            patient_id=case_id,  # not shown
            mask=None if self._masks is None else self._masks[case_id],
        )


def look_at_cases(
    case_ids: Iterable[str],
    folders: CaseFolders,
    regions_folder: str | Path | None = None,
    progress: bool = True,
) -> dict[str, CaseLook]:
    """Find where to look in each case; one image is in memory at a time.

    Parameters
    ----------
    case_ids : iterable of str
    folders : CaseFolders
    regions_folder : path, optional
        Made if absent. Gets ``<case_id>.nii.gz`` for each case, the label map of its regions with
        the affine of the image (the region of place k is k), and ``regions.csv``, one row for each
        region of all cases with its centre ``x_mm, y_mm, z_mm`` in the scanner's space and the
        ``file`` of its label map, named by a hash where the case id is no safe file name.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    dict of str to CaseLook
        By case id, in the order given. A case that cannot be read has ``missing``, and the rest
        goes on.

    Notes
    -----
    Guarantee: every case comes out.
    """
    folder = None if regions_folder is None else Path(regions_folder)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    looks: dict[str, CaseLook] = {}
    tables: list[pd.DataFrame] = []
    with progress_bar(progress) as bar:
        for case_id in bar.track(list(case_ids), description="where to look"):
            try:
                looks[case_id], labels, case = folders.look(case_id)
            except SegqcError as error:
                named = str(error) if error.case_id else f"case {case_id}: {error}"
                looks[case_id] = CaseLook(missing=named)
                continue
            if folder is not None:
                known = case.affine is not None
                affine = np.asarray(case.affine if known else default_affine(case.spacing), float)
                file = f"{safe_file_name(case_id)}.nii.gz"
                _write_labels(folder / file, labels, affine)
                tables.append(_in_scanner_space(looks[case_id].regions, affine).assign(file=file))
    if folder is not None:
        whole = [rows for rows in tables if len(rows)] or tables[:1] or [EMPTY]
        write_table(pd.concat(whole), folder / "regions.csv")
    return looks


def _write_labels(path: Path, labels: NDArray[np.int32], affine: NDArray[np.float64]) -> None:
    from segqc_conformal.adapters.nifti import write_volume

    write_volume(path, labels[..., None] if labels.ndim == 2 else labels, affine)


def _in_scanner_space(rows: pd.DataFrame, affine: NDArray[np.float64]) -> pd.DataFrame:
    axes = [name for name in ("centre_0", "centre_1", "centre_2") if name in rows]
    centre = np.zeros((len(rows), 3))
    centre[:, : len(axes)] = rows[axes].to_numpy(dtype=float)
    world = centre @ affine[:3, :3].T + affine[:3, 3]
    return rows.assign(**{f"{axis}_mm": world[:, i] for i, axis in enumerate("xyz")})
