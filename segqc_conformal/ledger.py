"""The ledger: what certificates, looks and monitors have spent of what may go wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from segqc_conformal.calibration_folder import CalibrationFolder

if TYPE_CHECKING:
    from segqc_conformal.case_log import CaseLog

__all__ = ["ledger"]

COLUMNS = ("version", "segment", "what", "spent")


def ledger(folder: str | Path, log: CaseLog | None = None) -> pd.DataFrame:
    """Return everything spent so far, one row per kind.

    Parameters
    ----------
    folder : str or Path
        Calibration folder.
    log : CaseLog, optional
        What it knows of certificates and monitors counts; of the folder, only what it does not
        know yet. None: the folder alone.

    Returns
    -------
    DataFrame
        ``version, segment, what, spent``: an upper bound on the probability that anything of that
        kind went wrong or goes wrong.

    Raises
    ------
    TamperedError
        If any byte of the folder was changed.

    Notes
    -----
    Guarantee: by the union bound the sum of any rows bounds the probability that one of the things
    they speak of goes wrong; a sum of 1 or more says nothing.
    """
    told = pd.DataFrame(columns=list(COLUMNS)) if log is None else _of_log(log)
    known = set(zip(told["version"], told["what"], strict=True))
    rows = [
        (version, "all", what, spent)
        for version, certificate in CalibrationFolder(folder).certificates().items()
        for what, spent in certificate.spent_by_kind.items()
        if (version, what) not in known
    ]
    of_folder = pd.DataFrame(rows, columns=list(COLUMNS))
    return pd.concat([each for each in (of_folder, told) if len(each)] or [told])


def _of_log(log: CaseLog) -> pd.DataFrame:
    return log.ledger().rename(columns={"calibration": "version"})[list(COLUMNS)]
