"""From scored rows and the certificate of one structure to interval, decision and reason."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.calibrators.accept_certificate import AcceptCertificate
from segqc_conformal.calibrators.accept_groups import GroupedAcceptCertificate
from segqc_conformal.calibrators.cross_certificate import CrossConformalCertificate
from segqc_conformal.certificate import StructureCertificate

__all__ = ["decided"]

BELOW = "The accept score lies below the certified threshold: a human should look."
MISSING = ""  # no group is called so
EMPTY = "The predicted structure is empty: nothing is promised, a human should look."


def decided(
    rows: pd.DataFrame, certificate: StructureCertificate, groups: str | None = None
) -> pd.DataFrame:
    """Apply the certificate of one structure to its scored rows.

    Parameters
    ----------
    rows : DataFrame
        Rows of that structure, as `scoring.score_rows` returns them.
    certificate : StructureCertificate
    groups : str, optional
        Column with the group of each row, if the certificate is by group.

    Returns
    -------
    DataFrame
        `rows` with ``dice_low, dice_high, accept, reason, message``; an empty prediction and a
        group that calibration did not see get [0, 1] and are referred.

    Notes
    -----
    Guarantee: that of the certificate, for new patients.
    """
    if groups is None:
        return _decided(rows, certificate, None)
    by_group = rows.groupby(groups, dropna=False, sort=False)
    parts = [
        _decided(part, certificate, str(group) if pd.notna(group) else MISSING)
        for group, part in by_group
    ]
    return pd.concat(parts).loc[rows.index] if parts else _decided(rows, certificate, MISSING)


def _decided(
    rows: pd.DataFrame, certificate: StructureCertificate, group: str | None
) -> pd.DataFrame:
    empty = rows["predicted_dice"].isna().to_numpy()
    low, high = np.zeros(len(rows)), np.ones(len(rows))
    known = rows[~empty]
    low[~empty], high[~empty] = _interval(known, certificate, group)
    found = _accept_certificate(certificate, group)
    if found is None:
        accept = np.zeros(len(rows), dtype=bool)
        refused, why = _without_certificate(certificate, str(group))
    else:
        accept = found.accept(rows["accept_score"])
        refused = "below_threshold" if found.certified else "cannot_certify"
        why = BELOW if found.certified else found.promise
    reason = np.where(accept, "certified", np.where(empty, "empty_prediction", refused))
    words = {"certified": found.promise if found else "", "empty_prediction": EMPTY, refused: why}
    said = [" ".join(filter(None, (words[name], certificate.warning))) for name in reason]
    return rows.assign(dice_low=low, dice_high=high, accept=accept, reason=reason, message=said)


def _interval(
    known: pd.DataFrame, certificate: StructureCertificate, group: str | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    interval = certificate.interval
    if known.empty:
        return np.empty(0), np.empty(0)
    if isinstance(interval, CrossConformalCertificate):
        return interval.interval(known)
    groups = None if group is None else [group] * len(known)
    return interval.interval(known["predicted_dice"], known["scale"], groups)


def _accept_certificate(
    certificate: StructureCertificate, group: str | None
) -> AcceptCertificate | None:
    if isinstance(certificate.accept, GroupedAcceptCertificate):
        return certificate.accept.of_group(group)
    return certificate.accept


def _without_certificate(certificate: StructureCertificate, group: str) -> tuple[str, str]:
    if group == MISSING:
        return "unknown_group", "The group is missing: nothing is promised, a human should look."
    patients = certificate.patients_of_group(group)
    if not certificate.accept.patients:
        return "cannot_certify", certificate.accept.promise
    if patients:
        return "cannot_certify", (
            f"Group {group} has {patients} calibration patients, too few to certify anything: "
            "every case of it is referred."
        )
    return (
        "unknown_group",
        f"Group {group} was not calibrated: nothing is promised, a human should look.",
    )
