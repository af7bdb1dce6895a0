"""From the results of many splits to the figures of the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
from splits_measure import SIZES, SplitResult
from splits_methods import BASELINES, OURS

PLACE = ["world", "method", "structure"]
RANKING = ["aurc", "aurc_bad", "aurc_best", "pearson", "spearman", "mae"]


def summary(
    results: Sequence[tuple[str, SplitResult]], chosen_by: Collection[str]
) -> dict[str, Any]:
    """Average over splits; differences and ratios of width by patient.

    ``chosen_by`` are the patients by whose figures the default predictor was made.
    """
    frames = {
        name: pd.DataFrame([row for _, result in results for row in getattr(result, name)])
        for name in ("intervals", "rankings", "acceptance", "widths")
    }
    chosen = {world: Counter[str]() for world, _ in results}
    for world, result in results:
        chosen[world][result.chosen] += 1
    intervals = _intervals(frames["intervals"])
    return {
        "intervals": intervals,
        "rankings": _records(frames["rankings"].groupby(PLACE, sort=False)[RANKING].mean()),
        "acceptance": _acceptance(frames["acceptance"]),
        "differences": _differences(frames["widths"], frames["intervals"]),
        "ratios": _ratios(intervals, frames["widths"], chosen_by),
        "chosen": {world: dict(counts.most_common()) for world, counts in chosen.items()},
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in frame.reset_index().to_dict("records")]


def _intervals(rows: pd.DataFrame) -> list[dict[str, Any]]:
    by = rows.groupby(PLACE, sort=False)
    return _records(
        pd.DataFrame(
            {
                "coverage": by["coverage"].mean(),
                "coverage_low": by["coverage"].quantile(0.05),
                "coverage_high": by["coverage"].quantile(0.95),
                "width": by["width"].mean(),
                "width_sd": by["width"].std(ddof=0),
                "empty": by["empty"].mean(),
            }
        )
    )


def _acceptance(rows: pd.DataFrame) -> list[dict[str, Any]]:
    by = rows.groupby([*PLACE, "tolerated"], sort=False)
    total = by["accepted"].sum()
    return _records(
        pd.DataFrame(
            {
                "certified": by["certified"].mean(),
                "accepted": by["accepted"].mean() / SIZES["test"],
                "error": (by["wrong"].sum() / total).where(total > 0, np.nan),
                "rejected": by["rejected"].sum(),
            }
        )
        .astype(object)
        .where(lambda frame: frame.notna(), None)
    )


def _differences(widths: pd.DataFrame, intervals: pd.DataFrame) -> list[dict[str, Any]]:
    """Width of another method less ours: by patient with its 95 % interval, and by split."""
    by_patient = widths.groupby([*PLACE, "patient_id"])["width"].mean()
    by_split = intervals.set_index([*PLACE, "split"])["width"].sort_index()
    out = []
    for world, method, structure in dict.fromkeys(
        intervals[PLACE].itertuples(index=False, name=None)
    ):
        if method == OURS:
            continue
        patients = by_patient[world, method, structure] - by_patient[world, OURS, structure]
        splits = by_split[world, method, structure] - by_split[world, OURS, structure]
        half = 1.96 * float(patients.std()) / sqrt(len(patients))
        out.append(
            {
                "world": world,
                "method": method,
                "structure": structure,
                "difference": float(patients.mean()),
                "low": float(patients.mean()) - half,
                "high": float(patients.mean()) + half,
                "splits_wider": float((splits > 0).mean()),
            }
        )
    return out


def _ratios(
    intervals: list[dict[str, Any]], widths: pd.DataFrame, chosen_by: Collection[str]
) -> list[dict[str, Any]]:
    """Our mean width over that of the narrowest rival, also of patients not chosen by."""
    mean = pd.DataFrame(intervals).set_index(PLACE)["width"]
    unseen = widths[~widths["patient_id"].isin(chosen_by)].groupby(PLACE)["width"].mean()
    rivals = [name for name, method in BASELINES.items() if method.rival]
    out = []
    for world, structure in dict.fromkeys((row["world"], row["structure"]) for row in intervals):
        best = min(rivals, key=lambda name: mean[world, name, structure])
        ours, theirs = (world, OURS, structure), (world, best, structure)
        out.append(
            {
                "world": world,
                "structure": structure,
                "best_rival": best,
                "ratio": float(mean[ours] / mean[theirs]),
                "ratio_unseen": float(unseen[ours] / unseen[theirs]),
            }
        )
    return out
