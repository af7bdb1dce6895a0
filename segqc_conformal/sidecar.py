"""One JSON file per case beside the images: verdicts for systems that read files."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from segqc_conformal.canonical_json import canonical_json
from segqc_conformal.file_names import safe_file_name
from segqc_conformal.replaced_file import replaced_at_once

__all__ = ["write_sidecars"]


def write_sidecars(verdicts: pd.DataFrame, folder: str | Path) -> list[Path]:
    """Write ``<case_id>.segqc.json`` for each case of a verdict table.

    Parameters
    ----------
    verdicts : DataFrame
        Verdict table.
    folder : str or Path
        Made if absent; files of the same name are replaced.

    Returns
    -------
    list of Path
        In the order of the cases. A case id that is no safe file name is replaced by a hash of it.

    Notes
    -----
    Guarantee: none; a missing number (and an accept score of minus infinity) is null.

    Examples
    --------
    >>> import tempfile
    >>> rows = pd.DataFrame({"case_id": ["c1"], "structure": ["lesion"], "dice_low": [0.7]})
    >>> write_sidecars(rows, tempfile.mkdtemp())[0].name
    'c1.segqc.json'
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for case_id, rows in verdicts.groupby("case_id", sort=False):
        path = folder / f"{safe_file_name(str(case_id))}.segqc.json"
        # pandas writes NaN, NaT and infinities as null, which JSON can hold
        text = rows.drop(columns="case_id").to_json(orient="records", date_format="iso")
        content = {"case_id": str(case_id), "verdicts": json.loads(text)}
        with replaced_at_once(path) as temporary:
            temporary.write_text(canonical_json(content), encoding="utf-8")
        written.append(path)
    return written
