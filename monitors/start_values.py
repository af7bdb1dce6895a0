"""The calibration values a watch starts from, checked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from segqc_conformal.errors import InputError
from segqc_conformal.monitors.quantise import draw_for_edges, quantile_edges

__all__ = ["ALL_SITES", "bags_by_site", "checked_edges", "checked_values", "shares"]

ALL_SITES = "all sites"


def checked_values(values: ArrayLike | pd.DataFrame, only_stream: str) -> pd.DataFrame:
    """Return the start values as a frame of float64, one column per stream.

    Raises
    ------
    InputError
        If there are none, or one is NaN or ``+inf``.
    """
    try:
        if isinstance(values, pd.DataFrame):
            frame = values.reset_index(drop=True).astype(np.float64)
        else:
            frame = pd.DataFrame({only_stream: np.asarray(values, dtype=np.float64)})
    except (TypeError, ValueError) as error:
        raise InputError("numbers as start values", error, "give one float per case") from error
    if frame.empty or not frame.columns.is_unique:
        raise InputError(
            "start values of one case and one stream at least, each stream named once",
            f"shape {frame.shape}, columns {list(frame.columns)[:12]}",
            "give the calibration cases' values",
        )
    for stream in frame.columns:
        if not (frame[stream] < np.inf).all():
            raise InputError(
                f"finite start values of stream {stream} (or -inf)",
                "NaN or +inf",
                "exclude the case from the calibration, or repair the feature",
            )
    return frame


def shares(streams: Sequence[str], primary: str | None, false_alarm: float) -> dict[str, float]:
    """Split the false-alarm bound over the streams: half to the primary one.

    Raises
    ------
    InputError
        If there are several streams and `primary` is not one of them.

    Examples
    --------
    >>> shares(["accept_score", "a", "b"], "accept_score", 0.04)
    {'accept_score': 0.02, 'a': 0.01, 'b': 0.01}
    """
    if (primary is not None and primary not in streams) or (primary is None and len(streams) > 1):
        raise InputError(
            f"primary to name one of the streams {list(streams)[:12]}",
            primary,
            "declare before the first case which stream matters most",
        )
    if len(streams) == 1:
        return {streams[0]: false_alarm}
    other = false_alarm / (2 * (len(streams) - 1))
    return {stream: false_alarm / 2 if stream == primary else other for stream in streams}


def checked_edges(
    frame: pd.DataFrame, edges: ArrayLike | Mapping[str, ArrayLike] | None, seed: int
) -> tuple[pd.DataFrame, dict[str, list[float]]]:
    """Return the values left for the bags, and each stream's bin edges.

    Raises
    ------
    InputError
        If given edges miss a stream or hold NaN or infinity.
    """
    if edges is None:
        drawn = draw_for_edges(len(frame), seed)
        setting = frame[drawn]
        return frame[~drawn], {str(name): quantile_edges(setting[name]) for name in frame}
    by_stream = edges if isinstance(edges, Mapping) else dict.fromkeys(frame.columns, edges)
    missing = [name for name in frame.columns if name not in by_stream]
    if missing or (not isinstance(edges, Mapping) and len(frame.columns) > 1):
        raise InputError(
            "edges as {stream: edges}, one entry per stream",
            f"none for {missing or 'each'}",
            "make them with quantile_edges from the fit patients' values",
        )
    checked = {}
    for name in frame.columns:
        array = np.unique(np.asarray(by_stream[name], dtype=np.float64))
        if array.ndim != 1 or not np.isfinite(array).all():
            raise InputError(
                f"finite edges for stream {name}",
                "NaN or infinity",
                "make them with quantile_edges from the fit patients' values",
            )
        checked[str(name)] = [float(edge) for edge in array]
    return frame, checked


def bags_by_site(
    frame: pd.DataFrame, sites: Sequence[Any] | None, left: pd.Index
) -> dict[str, pd.DataFrame]:
    """Return the rows `left` of `frame` by site; without sites in one bag for all.

    Raises
    ------
    InputError
        If `sites` has another length than `frame`, or names that are not strings.
    """
    if sites is None:
        return {ALL_SITES: frame.loc[left]}
    names = pd.Series(list(sites), dtype=object)
    if len(names) != len(frame) or not names.map(lambda site: isinstance(site, str)).all():
        raise InputError(
            f"one site name for each of the {len(frame)} start values",
            f"{len(names)} values",
            "give sites as strings, in the order of the values",
        )
    kept = frame.loc[left]
    return {site: kept[names.loc[left] == site] for site in sorted(names.unique())}
