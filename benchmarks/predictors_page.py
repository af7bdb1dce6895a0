"""The comparison of quality predictors as a section of docs/benchmarks.md."""

from __future__ import annotations

from typing import Any

from markdown_table import table
from predictors_methods import DEFAULT

WORST = 0.10  # of the best method's AURC: how much worse the default may at most be
HEAD = (
    *(
        "method",
        "AURC",
        "less the best other [95 %]",
        "Spearman",
        "Pearson",
        "MAE",
        "width at 90 %",
    ),
    *("covered", "certified .10", "accepted .10", "certified .20", "accepted .20"),
)


def section(figures: dict[str, Any]) -> str:
    """Write the section; every number in it comes from `figures`."""
    parts = [
        """## Quality predictors beside each other

`SEGQC_DATA=... python benchmarks/predictors.py --write`. In each split some patients fit, each
clean or degraded at random, others calibrate, and the test patients are judged in every version:
clean, degraded, and shifted (hippocampus: a change of contrast; nuclei: stained and bright-field
tissue), of which no predictor has seen a case. Empty predictions are left out. "Less the best
other": AURC less that of the best of the other methods, found on the same test cases, with a
bootstrap interval by patient. Width, coverage and acceptance (Dice > 0.8 at tolerated error .10 and
.20, confidence 90 %) are those of certificates calibrated before the shift: on shifted cases they
are what an unnoticed change would give. Certified: share of splits; accepted: of the test cases."""
    ]
    for name, found in figures.items():
        fit, calibration, test = found["sizes"]
        parts.append(
            f"### {name.capitalize()}: {found['splits']} splits ({fit} fit, {calibration} "
            f"calibrate, {test} test)"
        )
        for rows in _by_place(found["rows"]):
            parts.append(_title(rows))
            ordered = sorted(rows, key=lambda row: float(row["aurc"]))
            parts.append(table(HEAD, [_row(row) for row in ordered]))
            parts.append(_verdict(rows))
        parts += [_oracle(each) for each in found.get("oracles", ())]
        parts += _nets(found["nets"]) if "nets" in found else []
    return "\n\n".join(parts)


def _by_place(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    places = dict.fromkeys((row["version"], row["structure"]) for row in rows)
    return [
        [row for row in rows if (row["version"], row["structure"]) == place] for place in places
    ]


def _title(rows: list[dict[str, Any]]) -> str:
    return f"**{rows[0]['version']}, {rows[0]['structure']}** ({rows[0]['patients']} patients)"


def _nets(found: dict[str, Any]) -> list[str]:
    parts = [
        f"#### Beside quality nets: {found['splits']} splits\n\n"
        "`python benchmarks/predictors_nets.py --write` (after the above): in each split a "
        "`QualityNet` on image, mask and entropy map is cross-fitted on the fit patients alone, "
        "one case each; "
        f'{found["minutes"]} minutes in all. "With the net": its out-of-fold output is one feature '
        "more. So few splits share most of their luck: look at the intervals."
    ]
    for rows in _by_place(found["rows"]):
        parts.append(_title(rows))
        ordered = sorted(rows, key=lambda row: float(row["aurc"]))
        parts.append(table(HEAD, [_row(row) for row in ordered]))
        parts.append(_verdict(rows))
    return parts


def _oracle(found: dict[str, Any]) -> str:
    text = (
        f"What cannot be had, on the {found['patients']} clean cases, {found['structure']}: the "
        f"best of {found['features']} single features, chosen by these very cases "
        f"({found['best']}), has a Spearman correlation of {found['best_spearman']:.2f} with Dice"
    )
    if found["other_structures"] is None:
        return f"{text}."
    return (
        f"{text}; the true Dice of the other structure of the same case (same image, reader and "
        f"model) has {found['other_structures']:.2f}."
    )


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    mark = "**" if row["method"] == DEFAULT else ""
    difference = (
        f"{row['difference']:+.4f} [{row['difference_low']:+.4f}, {row['difference_high']:+.4f}]"
    )
    return (
        f"{mark}{row['method']}{mark}",
        f"{row['aurc']:.4f}",
        difference,
        *(_number(row.get(name)) for name in ("spearman", "pearson", "mae", "width", "coverage")),
        *(
            _number(row[f"{what}_{level}"])
            for level in ("10", "20")
            for what in ("certified", "accepted")
        ),
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _verdict(rows: list[dict[str, Any]]) -> str:
    row = next(row for row in rows if row["method"] == DEFAULT)
    best = next(each for each in rows if each["method"] == row["best_other"])
    share = row["difference_high"] / best["aurc"]
    word = "met" if share <= WORST else "missed"
    return (
        f"The default combination is at most {100 * share:.1f} % of AURC worse than "
        f"{row['best_other']} (upper end of the interval; target {100 * WORST:.0f} %: {word})."
    )
