"""What verdicts were worth, phase by phase: of one split as counts, of all as figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from monitors_real import DICE_THRESHOLD

from segqc_conformal.evaluation import with_true_dice
from segqc_conformal.verdict_table import NO_PROMISE
from segqc_conformal.whole_case import deciding_rows

SUSPENDED = ("WATCH since", "HARM since")  # how such a verdict's message begins
PHASES = ("before", "changed", "under", "after", "twin")


def judged_cases(verdicts: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """One row per case: what its verdict said, and what was true."""
    known = with_true_dice(verdicts, rows)
    known = known[deciding_rows(known)]
    accept = known["accept"].astype(bool)
    return pd.DataFrame(
        {
            "promised": ~known["reason"].isin(NO_PROMISE),
            "covered": known["dice"].between(known["dice_low"], known["dice_high"]),
            "width": known["dice_high"] - known["dice_low"],
            "warned": known["message"].str.startswith(SUSPENDED),
            "accepted": accept,
            "bad": accept & (known["dice"] <= DICE_THRESHOLD),
        }
    )


def counts(cases: pd.DataFrame) -> dict[str, float]:
    """Sums over cases; coverage and width only where an interval carries a promise."""
    promised = cases[cases["promised"]]
    return {
        "cases": len(cases),
        "promised": len(promised),
        "covered": int(promised["covered"].sum()),
        "width": float(promised["width"].sum()),
        "warned": int(cases["warned"].sum()),
        "accepted": int(cases["accepted"].sum()),
        "bad": int(cases["bad"].sum()),
    }


def phase_row(splits: list[dict[str, Any]], phase: str) -> dict[str, Any]:
    """Figures of one phase over the splits that had it."""
    found = pd.DataFrame([each["phases"][phase] for each in splits if phase in each["phases"]])
    if found.empty:
        return {"splits": 0}
    total, by_split = found.sum(), found["covered"] / found["promised"]
    return {
        "splits": len(found),
        "cases": float(found["cases"].mean()),
        "empty": int(total["cases"] - total["promised"]),
        "coverage": float(total["covered"] / max(1, total["promised"])),
        "spread": np.nanquantile(by_split, [0.05, 0.95]).tolist(),
        "width": float(total["width"] / max(1, total["promised"])),
        "warned": float(total["warned"] / total["cases"]),
        "share_accepted": float(total["accepted"] / total["cases"]),
        "accepted": int(total["accepted"]),
        "bad": int(total["bad"]),
    }
