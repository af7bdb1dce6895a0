"""Verdicts as DICOM objects beside the sidecars: one SR per case, and a SEG of where to look."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from segqc_conformal.adapters.dicom_files import check_dicom_installed
from segqc_conformal.certificate import GateCertificate
from segqc_conformal.errors import FileFormatError, why_failed
from segqc_conformal.features.case_folders import find_volumes
from segqc_conformal.file_names import safe_file_name

__all__ = ["write_dicom_verdicts"]

_MAP = "predictive_entropy"


def write_dicom_verdicts(
    verdicts: pd.DataFrame,
    certificate: GateCertificate,
    images: str | Path,
    folder: str | Path,
    *,
    maps: str | Path | None = None,
) -> dict[str, str]:
    """Write ``<case_id>.segqc.sr.dcm``, and with maps ``<case_id>.segqc.seg.dcm``, for each case.

    Parameters
    ----------
    verdicts : DataFrame
        Verdict table.
    certificate : GateCertificate
        Of the gate that judged.
    images : path
        Folder of the DICOM series of the cases, as `find_volumes` takes it.
    folder : path
        Made if absent. A case id that is no safe file name is replaced by a hash of it.
    maps : path, optional
        Folder of uncertainty maps, as ``segqc extract --maps`` writes it: the SEG holds where the
        predictive entropy is above 0.36 nats (of two classes: odds below 8 to 1), of overlapping
        regions one segment for each structure. A case without such voxels, or
        without a map because it failed, gets none.

    Returns
    -------
    dict of str to str
        Case id -> why it has no SR. The other cases have theirs.

    Raises
    ------
    FileFormatError
        If a folder does not exist.
    InputError
        If the ``dicom`` extra is missing.

    Notes
    -----
    Guarantee: that of the gate; regions show where to look.
    """
    check_dicom_installed()
    if maps is not None and not Path(maps).is_dir():
        raise FileFormatError("an existing folder of maps", str(maps), "check the path")
    series = find_volumes(images)
    failed: dict[str, str] = {}
    for case_id, rows in verdicts.groupby("case_id", sort=False):
        name = str(case_id)
        try:
            if name not in series:
                raise FileFormatError(
                    f"a DICOM series {name}/ or {name}.dcm in {images}", "none", "add it", name
                )
            _write_case(name, rows, certificate, series[name], Path(folder), maps)
        except Exception as error:  # what is wrong with one series concerns this case only
            failed[name] = why_failed(name, error)
    return failed


def _write_case(
    case_id: str,
    rows: pd.DataFrame,
    certificate: GateCertificate,
    series: Path,
    folder: Path,
    maps: str | Path | None,
) -> None:
    from segqc_conformal.adapters.dicom_report import write_report

    stem = folder / f"{safe_file_name(case_id)}.segqc"
    regions = None if maps is None else _write_uncertain(case_id, stem, series, Path(maps))
    write_report(stem.with_name(f"{stem.name}.sr.dcm"), rows, certificate, series, regions=regions)


def _write_uncertain(case_id: str, stem: Path, series: Path, maps: Path) -> Path | None:
    from segqc_conformal.adapters.dicom_regions import write_regions
    from segqc_conformal.features.case_reading import read_image, read_mask
    from segqc_conformal.measures.map_regions import THRESHOLDS

    path = stem.with_name(f"{stem.name}.seg.dcm")
    image = read_image(series, case_id)
    regions = {}
    # of overlapping regions there is one map for each structure: predictive_entropy_<structure>
    for file in sorted((maps / safe_file_name(case_id)).glob(f"{_MAP}*.nii.gz")):
        entropy = read_mask(file, image, "map", case_id)
        structure = file.name.removesuffix(".nii.gz").removeprefix(_MAP).replace("_", " ", 1)
        where = entropy > THRESHOLDS[_MAP]
        if where.any():
            regions[f"predictive entropy above {THRESHOLDS[_MAP]:g} nats{structure}"] = where
    if not regions:
        path.unlink(missing_ok=True)  # of an earlier verdict
        return None
    return write_regions(path, regions, series, image, case_id=case_id)
