"""The ledger: what certificates, looks and monitors have spent of what may go wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.certificate import GateCertificate

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
        Whose monitors count as well.

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
    versions = CalibrationFolder(folder)
    rows = []
    for version, certificate in versions.certificates().items():
        rows += [(version, "all", what, spent) for what, spent in _spent(certificate).items()]
    if log is not None:
        rows += _monitors(versions, log)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _spent(certificate: GateCertificate) -> dict[str, float]:
    spent, look = certificate.lineage["spent"], certificate.lineage["look"]
    accept, pac = spent["accept_promises"], spent["pac_intervals"]
    found = {}
    if accept:
        found[f"{accept} accept promises, look {look}"] = accept * spent["delta_of_each"]
    if pac:
        found[f"{pac} PAC intervals"] = pac * spent["delta_of_each_interval"]
    return found


def _monitors(versions: CalibrationFolder, log: CaseLog) -> list[tuple[str, str, str, float]]:
    from segqc_conformal.monitors.run import saved_monitor
    from segqc_conformal.monitors.segments import watched

    rows = []
    for version in versions.versions():
        monitor = saved_monitor(log, watched(versions.stored(version)))
        for segment in monitor or ():
            name = segment.segment.name
            rows += [(version, name, what, share) for what, share in segment.spent.items()]
    return rows
