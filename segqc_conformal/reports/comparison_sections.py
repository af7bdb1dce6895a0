"""The sections of a comparison page that speak of one structure, and the short answer."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from segqc_conformal.evaluation.case_metrics import CASE_METRICS
from segqc_conformal.evaluation.comparison import Comparison
from segqc_conformal.evaluation.promise_worth import PROMISE_NUMBERS
from segqc_conformal.evaluation.structure_comparison import StructureComparison
from segqc_conformal.reports.comparison_plots import reliability, risks, shown
from segqc_conformal.reports.page import (
    Section,
    figure,
    folded,
    notice,
    number,
    paragraph,
    percent,
    table,
)

__all__ = ["estimate_in_words", "short_answer", "structure_section"]

SHOWN_METRICS = ("aurc_trapezoid", "auroc", "spearman", "mae")
SHOWN_FIRST = 8  # methods; the others are folded away


def short_answer(comparison: Comparison) -> Section:
    """Say for each structure whether the combination ranks better than the best single feature."""
    lines = "".join(_answer(part) for part in comparison.structures)
    patients = max(part.dice.size for part in comparison.structures)
    text = (
        f"Measured on up to {patients} patients that fitted nothing, one case each. Brackets hold "
        "95 % intervals over patients drawn with replacement; a difference is taken on the same "
        "drawn patients. The best single feature was chosen on the other half of the patients."
    )
    left_out = comparison.settings["left_out"]
    more = f" Too few patients have: {', '.join(left_out)}." if left_out else ""
    return Section("Short answer", lines + paragraph(text + more, "note"))


def _answer(part: StructureComparison) -> str:
    ours = part.row("combination", "aurc")
    useful = part.usefulness
    if not useful.informative:
        return notice(
            f"{part.structure}: the combination does not rank masks better than chance on these "
            f"{useful.patients} patients (permutation test p = {useful.p_value:.2g}).",
            "caution",
        )
    low, high = ours["difference_low"], ours["difference_high"]
    if high < 0.0:
        verdict, kind = "ranks masks better than", "good"
    elif low > 0.0:
        verdict, kind = "ranks masks worse than", "caution"
    else:
        verdict, kind = "cannot be told apart from", "plain"
    return notice(
        f"{part.structure}: the combination (AURC {estimate_in_words(ours)}) {verdict} the best "
        f"single feature, {part.best_single} (difference {_difference(ours)}).",
        kind,
    )


def estimate_in_words(row: pd.Series, digits: int = 3) -> str:
    """Return a value and its interval as text."""
    return _with_interval(row["value"], row["low"], row["high"], digits)


def _difference(row: pd.Series, digits: int = 4) -> str:
    return _with_interval(
        row["difference"], row["difference_low"], row["difference_high"], digits, "+"
    )


def _with_interval(value: float, low: float, high: float, digits: int, sign: str = "") -> str:
    # adding 0 turns the minus zero of a small negative number into zero
    texts = [number(round(part, digits) + 0.0, digits) for part in (value, low, high)]
    if sign:
        texts = [sign + text if text[0].isdigit() and text.strip("0.") else text for text in texts]
    return texts[0] if texts[1] == "–" else f"{texts[0]} [{texts[1]}, {texts[2]}]"


def structure_section(part: StructureComparison, dice_threshold: float) -> Section:
    """Show one structure: ranking, plots, every number of the leading methods, promises."""
    ranked = _ranking(part)
    body = table(*ranked[:2])
    if ranked[2]:
        more = f"{len(ranked[2])} more, ranked below"
        body += folded(more, table(ranked[0], ranked[2]))
    plots = figure(
        risks(part),
        "Risk against coverage",
        "Mean of 1 − Dice among the accepted; the area below a line is its AURC.",
    ) + figure(
        reliability(part, dice_threshold),
        "Reliability",
        "Groups of equally many patients; on the diagonal a probability is right.",
    )
    names = shown(part)
    body += f'<div class="grid">{plots}</div>'
    body += folded(
        f"Every number of {names[0]} and {names[1]}", _numbers(part, _words_of_metrics(), names)
    )
    return Section(part.structure, body + _promises(part, names))


def _ranking(
    part: StructureComparison,
) -> tuple[tuple[str, ...], list[tuple[str, ...]], list[tuple[str, ...]]]:
    head = (
        "method",
        "AURC (rectangle)",
        "difference to the best single",
        "AURC (trapezoid)",
        "AUROC",
        "Spearman",
        "MAE",
    )
    numbers = part.numbers
    order = numbers[numbers["metric"] == "aurc"].sort_values("value", kind="stable")["method"]
    values = numbers.pivot(index="method", columns="metric", values="value")
    rows = [
        (
            f"{name} (best single)" if name == part.best_single else name,
            estimate_in_words(part.row(name, "aurc")),
            "–" if name == part.best_single else _difference(part.row(name, "aurc")),
            *(number(values.loc[name, metric], 3) for metric in SHOWN_METRICS),
        )
        for name in order
    ]
    return head, rows[:SHOWN_FIRST], rows[SHOWN_FIRST:]


def _words_of_metrics() -> dict[str, str]:
    return {
        name: f"{rule.words}, {'lower' if rule.lower_is_better else 'higher'} is better"
        for name, rule in CASE_METRICS.items()
    }


def _numbers(part: StructureComparison, words: dict[str, str], names: Iterable[str]) -> str:
    first, second = names
    known = set(part.numbers[["method", "metric"]].itertuples(index=False, name=None))
    rows = []
    for metric, meaning in words.items():
        ours = part.row(first, metric)
        if (second, metric) in known:
            theirs, gap = estimate_in_words(part.row(second, metric)), _difference(ours, 3)
        else:
            theirs, gap = "–", "–"
        rows.append((meaning, estimate_in_words(ours), theirs, gap))
    return table(("metric", first, second, "difference"), rows)


def _promises(part: StructureComparison, names: tuple[str, str]) -> str:
    tolerated = ", ".join(
        f"{percent(part.row('combination', name)['value'])} at "
        f"{PROMISE_NUMBERS[name].rsplit('error ', 1)[1]}"
        for name in PROMISE_NUMBERS
        if name.startswith("accepted")
    )
    text = (
        f"Promises made of the combination accept {tolerated} tolerated error. Half of the "
        "evaluation patients calibrated and the others were judged, and the other way round; both "
        "methods were fitted to Dice on the fit half. A gate calibrates on about twice as many "
        "patients: its intervals are narrower and it accepts more. The brackets take the two "
        "calibrations as they came out: a large difference in the share accepted can be the luck "
        "of one of them."
    )
    return (
        "<h3>What promises are worth</h3>"
        + paragraph(text, "note")
        + _numbers(part, dict(PROMISE_NUMBERS), names)
    )
