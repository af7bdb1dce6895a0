"""The Dice of every single member to the judged mask, beside the features of a case.

What the performance range of Wundram et al. (2024) is made of. The columns are kept apart from the
features: no quality predictor learns from them, so that all methods see one and the same feature
table.
"""

from __future__ import annotations

import pandas as pd

from segqc_conformal.measures.sample_dice import sample_dice
from segqc_conformal.measures.schema import FeatureSchema
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["COLUMNS", "SCHEMA", "apart_from_features"]

MEMBERS = 5
COLUMNS = tuple(f"member_dice_{number}" for number in range(MEMBERS))


def member_dice(structure: JudgedStructure) -> dict[str, float]:
    """Return the Dice of each member's mask to the judged mask."""
    return dict(zip(COLUMNS, sample_dice(structure).to_judged.tolist(), strict=True))


SCHEMA = FeatureSchema("standard", own=member_dice)


def apart_from_features(table: pd.DataFrame) -> pd.DataFrame:
    """Rename the members' columns, so that they are features no more."""
    return table.rename(columns={f"feature_own_{name}": name for name in COLUMNS})
