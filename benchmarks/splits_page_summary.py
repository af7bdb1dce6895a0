"""What the splits benchmark finds in short: widths against the best rival, and the floor."""

from __future__ import annotations

from typing import Any

from markdown_table import table

TARGET = 0.9


def ratios(figures: dict[str, Any]) -> str:
    """Write our width over the best rival's, with a verdict in each row."""
    differences = {
        (row["world"], row["method"], row["structure"]): row for row in figures["differences"]
    }

    def cells(row: dict[str, Any]) -> tuple[str, ...]:
        less = differences[row["world"], row["best_rival"], row["structure"]]
        return (
            row["world"],
            row["structure"],
            row["best_rival"],
            f"{row['ratio']:.3f}",
            "yes" if row["ratio"] <= TARGET else "no",
            f"{less['difference']:+.3f} [{less['low']:+.3f}, {less['high']:+.3f}]",
            f"{100 * less['splits_wider']:.0f} %",
            f"{row['ratio_unseen']:.3f}",
        )

    return f"""### Width at 90 % against the best rival

The best rival is, in each row, the narrowest of MAPIE (split conformal with linear regression and
with a random forest, quantile regression with gradient boosting) and of the two performance ranges
of the samples. The target is a mean width of at most {TARGET} of it. The difference is the rival's
width less ours, paired by patient. "Unseen" takes only test patients by whose figures nothing was
ever chosen.

""" + table(
        (
            "scans",
            "structure",
            "best rival",
            "ours / rival",
            f"≤ {TARGET}",
            "rival less ours, by patient [95 %]",
            "splits where the rival is wider",
            "ours / rival, unseen",
        ),
        map(cells, figures["ratios"]),
    )


def floor(figures: dict[str, Any]) -> str:
    """Write what more fit patients bring, and how much of the residual the features explain."""

    def both(row: dict[str, Any], name: str) -> str:
        return " → ".join(f"{one[name]:.3f}" for one in row["by_fit_patients"])

    def cells(row: dict[str, Any]) -> tuple[str, ...]:
        return (
            row["world"],
            row["structure"],
            f"{row['dice_sd']:.3f}",
            both(row, "residual_sd"),
            both(row, "unexplained"),
            f"{row['explained']:+.2f}",
            f"{row['width_without_features']:.3f}",
            both(row, "width"),
        )

    sizes = " → ".join(str(one["fit_patients"]) for one in figures["floor"][0]["by_fit_patients"])
    return f"""### The floor: what no feature explains

On the patients that methods may be chosen by: the default predictor fitted on {sizes} patients
(two figures), tested on 40 others, 12 times. "Unexplained" is the variance of the residuals over
that of Dice. "Explained by features" is the share of the variance of the residuals that a ridge or
a forest on all features predicts out of fold, the better of the two, after the larger number of fit
patients and with the largest tenth of residuals cut to its limit: about 0 or below means that
nothing is left to learn from this feature table with so many patients.
Widths are at the exact 90 % quantile, without calibration noise; "without features" is the
shortest interval that holds 90 % of the Dice values.

""" + table(
        (
            "scans",
            "structure",
            "sd of Dice",
            f"residual sd, {sizes}",
            f"unexplained, {sizes}",
            "explained by features",
            "width without features",
            f"width, {sizes}",
        ),
        map(cells, figures["floor"]),
    )
