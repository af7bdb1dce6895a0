"""What leads among the features: the strongest, the best of each column, and who keeps one sign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from features_columns import Key, correlations, indices, keys_of, pooled

TISSUE: Key = ("nuclei", "shifted")
LEADERS = 12
KNOWN_BEST = ("pairwise_dice", "soft_dice_confidence")


def what_leads(figures: dict[str, Any]) -> str:
    keys = keys_of(figures, "ensemble")
    leaders = leading(figures)
    known = [name for name in KNOWN_BEST if name not in leaders]
    by_name = {feature["feature"]: feature for feature in figures["features"]}
    shown = [by_name[name] for name in [*leaders, *known] if name in by_name]
    best = "\n".join(f"- {' '.join(key)}: {_best(figures, key)}" for key in keys if key != TISSUE)
    return f"""### What leads

Spearman's correlation, averaged over the structures of a data set. The {len(leaders)} features with
the largest mean absolute value over all columns but stained tissue{_and_known(known)}:

{correlations(figures, shown, "ensemble")}

{_explained(shown)}

The best of each column, with its 95 % interval in each structure:

{best}

{_one_sign(figures)}"""


def leading(figures: dict[str, Any]) -> list[str]:
    """Name the features of the largest mean absolute Spearman over all columns but tissue."""
    keys = [key for key in keys_of(figures, "ensemble") if key != TISSUE]
    strength = {}
    for feature in figures["features"]:
        values = [pooled(figures, feature, key, "ensemble") for key in keys]
        known = [abs(value) for value in values if value is not None]
        strength[feature["feature"]] = sum(known) / max(1, len(keys))
    return sorted(strength, key=lambda name: (-strength[name], name))[:LEADERS]


def _explained(features: Sequence[dict[str, Any]]) -> str:
    return "; ".join(f"`{one['feature']}`: {one['meaning']}" for one in features) + "."


def _and_known(names: Sequence[str]) -> str:
    return f", and {' and '.join(f'`{name}`' for name in names)}" if names else ""


def _best(figures: dict[str, Any], key: Key) -> str:
    def strength(feature: dict[str, Any]) -> float:
        return abs(float(pooled(figures, feature, key, "ensemble") or 0.0))

    best = max(figures["features"], key=strength)
    parts = [
        f"{figures['columns'][i]['structure']} {best['spearman'][i]:+.2f} "
        f"[{best['spearman_low'][i]:+.2f}, {best['spearman_high'][i]:+.2f}]"
        for i in indices(figures, key, "ensemble")
        if best["spearman"][i] is not None
    ]
    return f"`{best['feature']}`: {', '.join(parts)}"


def _one_sign(figures: dict[str, Any]) -> str:
    places = [
        i
        for key in keys_of(figures, "ensemble")
        if key != TISSUE
        for i in indices(figures, key, "ensemble")
    ]
    clear = {
        feature["feature"]
        for feature in figures["features"]
        if all(feature["spearman"][i] is not None for i in places)
        and (
            all(feature["spearman_low"][i] > 0 for i in places)
            or all(feature["spearman_high"][i] < 0 for i in places)
        )
    }
    return (
        f"{len(clear)} of {len(figures['features'])} features have an interval on one side of 0, "
        f"always the same, in all {len(places)} combinations of data set, images and structure but "
        "stained tissue: their direction may be relied on. The others change with the structure or "
        "the kind of fault."
    )


def with_dropout(figures: dict[str, Any]) -> str:
    by_name = {feature["feature"]: feature for feature in figures["features"]}
    keys = keys_of(figures, "dropout")
    if not keys:
        return ""
    return f"""### The same features of one network with dropout

{figures["dropout_samples"]} samples of one member instead of five members, on fewer patients; its
own fused mask is judged, so Dice differs too.

{correlations(figures, [by_name[name] for name in leading(figures)], "dropout")}"""
