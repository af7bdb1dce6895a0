"""From rows per (case, structure) to one value per case and stream."""

from __future__ import annotations

import numpy as np
import pandas as pd

from segqc_conformal.errors import InputError
from segqc_conformal.features.table import feature_columns
from segqc_conformal.monitors.exchangeability import ExchangeabilityWatch
from segqc_conformal.monitors.quantise import quantile_edges
from segqc_conformal.whole_case import deciding_rows, single_structures

__all__ = ["PRIMARY_STREAM", "case_streams", "start_watch"]

PRIMARY_STREAM = "accept_score"


def case_streams(rows: pd.DataFrame) -> pd.DataFrame:
    """Make one value per case and stream.

    Parameters
    ----------
    rows : DataFrame
        One row per (case, structure): ``case`` or ``case_id``, ``structure``, ``accept_score`` and
        columns that begin with ``feature_``; of several structures one is ``whole_case``.

    Returns
    -------
    DataFrame of float64
        Index ``case``, in the order of first appearance. ``accept_score`` is that of the
        ``whole_case`` row, or of the only structure; each feature is averaged over structures.
        Where that is undefined (NaN) the value is ``-inf``.

    Raises
    ------
    InputError
        If columns are missing, or a case has several structures and no ``whole_case`` row.

    Notes
    -----
    Guarantee: none by itself; the same rule makes the values of the bag and of the new cases.

    Examples
    --------
    >>> rows = pd.DataFrame({"case": [0, 0, 0], "structure": ["a", "b", "whole_case"],
    ...     "accept_score": [2.0, 1.0, 1.0], "feature_x": [0.2, 0.4, np.nan]})
    >>> case_streams(rows).round(3).to_dict("list")
    {'accept_score': [1.0], 'feature_x': [0.3]}
    """
    key = "case" if "case" in rows.columns else "case_id"
    missing = [name for name in (key, "structure", PRIMARY_STREAM) if name not in rows.columns]
    if missing:
        raise InputError(
            f"rows with the columns {', '.join(missing)}",
            f"columns {list(rows.columns)[:12]}",
            "give rows of a verdict table with their features, or a gate's profile",
        )
    structures = rows[single_structures(rows["structure"])].groupby(key, sort=False)
    deciding = rows[deciding_rows(rows, key)]
    order = pd.Index(rows[key].drop_duplicates())
    undecided = order[~order.isin(deciding[key])]
    if len(undecided) or deciding[key].duplicated().any():
        raise InputError(
            "one whole_case row for each case of several structures",
            "none or several",
            "use the verdict table as the gate wrote it",
            str(undecided[0]) if len(undecided) else None,
        )
    names = feature_columns(rows)
    # A mean that skipped NaN would compare cases over different structures.
    means = structures[names].mean().where(structures[names].count().eq(structures.size(), axis=0))
    streams = means.reindex(order)
    streams.insert(0, PRIMARY_STREAM, deciding.set_index(key)[PRIMARY_STREAM].reindex(order))
    streams.index.name = "case"
    return streams.astype(np.float64).fillna(-np.inf)


def start_watch(
    profile: pd.DataFrame, seed: int, horizon: int = 10_000, false_alarm: float = 0.05
) -> ExchangeabilityWatch:
    """Start the watch of a gate from its profile.

    Parameters
    ----------
    profile : DataFrame
        A gate's profile: the rows of `case_streams` with ``role`` ("fit" | "calibration" | "new")
        and ``site``. Fit patients set the bin edges; calibration patients fill the bags, or new
        ones where the gate was weighted towards these; cases in which a structure is missing do
        neither.
    seed : int
        Seeds the tie-breakers.
    horizon : int
        Cases over which the false alarm is bounded, >= 1.
    false_alarm : float
        The bound, in (0, 1).

    Returns
    -------
    ExchangeabilityWatch
        Started; the primary stream is ``accept_score``.

    Raises
    ------
    InputError
        If the profile lacks a column, or has no calibration case.

    Notes
    -----
    Guarantee: that of `ExchangeabilityWatch`, if the profile holds one case per patient.

    Examples
    --------
    >>> profile = pd.DataFrame({"role": ["fit"] * 2 + ["calibration"] * 3, "case": range(5),
    ...     "site": "A", "structure": "liver", "accept_score": [0.1, 0.4, 0.2, 0.3, 0.5]})
    >>> start_watch(profile, seed=7).streams
    ('accept_score',)
    """
    missing = [column for column in ("role", "site") if column not in profile.columns]
    if missing:
        raise InputError(
            f"a profile with the columns {', '.join(missing)}",
            f"columns {list(profile.columns)[:12]}",
            "take CalibratedGate.profile as it is",
        )
    # a case with a structure missing would put another quantity into the bag than new cases bring
    if not (profile["role"] == "calibration").any():
        raise InputError(
            "a calibration with calibration patients, which new cases are compared with",
            "none",
            "calibrate with 40 labelled patients or more",
        )
    single = profile[single_structures(profile["structure"])]
    structures = single.groupby("case")["structure"].nunique()
    complete = structures.index[structures == structures.max()]
    profile = profile[profile["case"].isin(complete)]
    by_case = profile.drop_duplicates("case").set_index("case")
    streams = case_streams(profile)
    role = by_case["role"].reindex(streams.index)
    fit = streams[role == "fit"]
    calibration = streams[role == ("new" if (role == "new").any() else "calibration")]
    watch = ExchangeabilityWatch(horizon, false_alarm, seed, primary=PRIMARY_STREAM)
    watch.start(
        calibration,
        edges={str(name): quantile_edges(fit[name]) for name in streams.columns},
        sites=by_case["site"].reindex(calibration.index).tolist(),
    )
    return watch
