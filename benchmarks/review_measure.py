"""How soon each order of the slices or patches finds the errors, with intervals by patient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from review_cases import PATCH_VALUES, SLICE_SCORES

from segqc_conformal.evaluation.bootstrap import patient_counts
from segqc_conformal.review.corrected import corrected_dice
from segqc_conformal.review.curve import (
    ReviewCurve,
    perfect_curve,
    random_curve,
    review_curve,
    time_saved,
)
from segqc_conformal.review.reranked_order import reranked_order

TARGETS = ("wrong_ml", "wrong_slice", "intolerable_ml")
LOOKED = (0.1, 0.2, 0.3)
FOUND = 0.8
DICE_THRESHOLD = 0.8  # of a mask
WRONG_BELOW = 0.5  # Dice of a structure in a slice
SCORE = "expected_error_sum"
RERANKED = {"expected_error_sum": "wrong_ml", "pairwise_dice": "lacking"}
CORRELATIONS = (0.3, 0.5, 0.8)
REPLICATES = 200
PLOTTED = np.linspace(0.0, 1.0, 41)
Order = NDArray[np.int64]


def measured(slices: pd.DataFrame, patches: pd.DataFrame) -> dict[str, Any]:
    """Return the figures of all orders."""
    slices = slices.assign(lacking=1.0 - slices["dice"])
    items = looked_at_together(slices)
    listed = items[items["listed"]].reset_index(drop=True)
    beyond = {name: float(items.loc[~items["listed"], name].sum()) for name in TARGETS}
    orders = slice_orders(listed, slices)
    targets = [name for name in TARGETS if listed[name].any()]  # a few patients may have none
    counts = patient_counts(listed["patient_id"], REPLICATES)
    drawn = {
        (target, name): _drawn(target, order, listed, beyond[target], counts)
        for target in targets
        for name, order in orders.items()
    }
    return {
        "patients": int(items["patient_id"].nunique()),
        "cases": int(items["case_id"].nunique()),
        "slices": len(listed),
        "wrong_slices": int(items["wrong_slice"].sum()),
        "intolerable_slices": int((items["intolerable_ml"] > 0.0).sum()),
        "unlisted": {name: beyond[name] / float(items[name].sum()) for name in targets},
        "rows": [
            _row(target, name, drawn[target, name], drawn[target, "volume order"][0])
            | {"within": _within(target, orders[name], listed)}
            for target, name in drawn
        ],
        "limits": {target: _limits(target, listed, beyond[target]) for target in targets},
        "reranked": [
            _difference(target, name, drawn[target, name], drawn[target, name.split(",")[0]])
            for target, name in drawn
            if "re-ranked" in name
        ],
        "dice": [_dice(name, order, listed, slices) for name, order in orders.items()],
        "curves": _curves(listed, beyond["wrong_ml"], orders),
        "patches": _patches(patches),
    }


def looked_at_together(slices: pd.DataFrame) -> pd.DataFrame:
    """Make one row of all structures of a slice: errors add up, the worst score counts."""
    by_slice = slices.groupby(["case_id", "slice"], sort=True)
    sums = by_slice[["wrong_ml", "intolerable_ml", "judged"]].sum()
    worst = by_slice[[*SLICE_SCORES, "region", "lacking"]].max()
    first = by_slice[["patient_id", "version", "case_doubt"]].first()
    items = pd.concat([first, worst, sums], axis=1).reset_index()
    return items.assign(
        listed=items[SCORE].notna(),
        wrong_slice=(items["lacking"] > 1.0 - WRONG_BELOW).astype(float),
    )


def slice_orders(listed: pd.DataFrame, slices: pd.DataFrame) -> dict[str, Order]:
    """Return the order in which each ranking looks at the slices."""
    number = listed["slice"].to_numpy()
    doubt, score = -listed["case_doubt"].to_numpy(), -listed[SCORE].to_numpy()
    orders = {name: np.argsort(-listed[name].to_numpy(), kind="stable") for name in SLICE_SCORES}
    orders["region, then expected_error_sum"] = np.lexsort([score, -listed["region"].to_numpy()])
    orders["case, then slice"] = np.lexsort([score, doubt])
    orders["case, then volume order"] = np.lexsort([number, doubt])
    for name, target in RERANKED.items():
        wide = {
            column: slices.pivot_table(
                values=column, index=["case_id", "slice"], columns="structure"
            )
            .reindex(pd.MultiIndex.from_frame(listed[["case_id", "slice"]]))
            .to_numpy()
            .T
            for column in (name, target)
        }
        for correlation in CORRELATIONS if name == SCORE else CORRELATIONS[1:2]:
            orders[f"{name}, re-ranked ({correlation:g})"] = reranked_order(
                wide[name], wide[target], listed["case_id"], number, correlation
            )
    orders["largest mask"] = np.argsort(-listed["judged"].to_numpy(), kind="stable")
    orders["volume order"] = np.arange(len(listed))
    return orders


def _drawn(
    target: str, order: Order, listed: pd.DataFrame, beyond: float, counts: NDArray[np.int64]
) -> list[ReviewCurve]:
    """Return the curve, and that of every draw of the patients."""
    errors = listed[target].to_numpy(dtype=float)
    # what lies beyond the list is drawn with the listed slices, as a share of their errors
    share = beyond / errors.sum()
    return [review_curve(errors[order], beyond)] + [
        review_curve(errors[order], share * float(each @ errors), each[order])
        for each in counts
        if each @ errors > 0.0
    ]


def _row(
    target: str, name: str, curves: list[ReviewCurve], in_volume: ReviewCurve
) -> dict[str, Any]:
    found = {"target": target, "order": name}
    found |= _with_interval("area", [curve.area for curve in curves])
    for looked in LOOKED:
        shares = [curve.found_at(looked) for curve in curves]
        found |= _with_interval(f"found_{100 * looked:.0f}", shares)
    saved = time_saved(curves[0], in_volume, FOUND)
    return {**found, "saved": None if np.isnan(saved) else saved}


def _difference(
    target: str, name: str, curves: list[ReviewCurve], plain: list[ReviewCurve]
) -> dict[str, Any]:
    areas = [a.area - b.area for a, b in zip(curves, plain, strict=True)]
    return {"target": target, "order": name, **_with_interval("difference", areas)}


def _with_interval(name: str, values: list[float]) -> dict[str, float]:
    """Name the first value, and the interval of the others."""
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return {name: values[0], f"{name}_low": float(low), f"{name}_high": float(high)}


def _within(target: str, order: Order, listed: pd.DataFrame) -> float:
    """Mean area over the cases that have errors, each by itself."""
    ordered = listed.iloc[order]
    areas = [
        review_curve(errors).area
        for _, errors in ordered.groupby("case_id")[target]
        if errors.sum() > 0
    ]
    return float(np.mean(areas))


def _limits(target: str, listed: pd.DataFrame, beyond: float) -> dict[str, list[float]]:
    """Return what no order exceeds, and what a random one is expected to find."""
    errors = listed[target]
    best, chance = perfect_curve(errors, beyond), random_curve(errors, beyond)
    return {
        name: [curve.area, *(curve.found_at(looked) for looked in LOOKED)]
        for name, curve in (("perfect", best), ("random", chance))
    }


def _dice(name: str, order: Order, listed: pd.DataFrame, slices: pd.DataFrame) -> dict[str, Any]:
    """Return mean Dice and share of masks with Dice of at most 0.8 after the first looks."""
    found: dict[str, Any] = {"order": name}
    keys = pd.MultiIndex.from_frame(slices[["case_id", "slice"]])
    for looked in (0.0, *LOOKED):
        first = listed.iloc[order[: round(looked * len(order))]]
        opened = keys.isin(pd.MultiIndex.from_frame(first[["case_id", "slice"]]))
        dice = corrected_dice(slices, opened)
        found[f"mean_{100 * looked:.0f}"] = float(dice.mean())
        found[f"bad_{100 * looked:.0f}"] = float((dice <= DICE_THRESHOLD).mean())
    return found


def _curves(
    listed: pd.DataFrame, beyond: float, orders: Mapping[str, Order]
) -> dict[str, list[float]]:
    errors = listed["wrong_ml"].to_numpy()
    shown = {
        "perfect": perfect_curve(errors, beyond),
        "expected error": review_curve(errors[orders[SCORE]], beyond),
        "case, then volume order": review_curve(errors[orders["case, then volume order"]], beyond),
        "pairwise Dice": review_curve(errors[orders["pairwise_dice"]], beyond),
        "random": random_curve(errors, beyond),
    }
    return {name: _points(curve) for name, curve in shown.items()}


def _points(curve: ReviewCurve) -> list[float]:
    return [round(curve.found_at(float(looked)), 4) for looked in PLOTTED]


def _patches(patches: pd.DataFrame) -> list[dict[str, Any]]:
    unlisted = patches.groupby(["case_id", "structure"])["unlisted"].first().sum()
    errors = patches["wrong"].to_numpy(dtype=float)

    def curves() -> Iterator[tuple[str, ReviewCurve]]:
        for values in PATCH_VALUES:
            order = np.argsort(-patches[values].to_numpy(), kind="stable")
            yield values, review_curve(errors[order], float(unlisted))
        yield "perfect", perfect_curve(errors, float(unlisted))
        yield "random", random_curve(errors, float(unlisted))

    return [
        {
            "order": name,
            "patches": len(patches),
            "area": curve.area,
            **{f"found_{100 * looked:.0f}": curve.found_at(looked) for looked in LOOKED},
        }
        for name, curve in curves()
    ]
