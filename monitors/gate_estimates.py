"""What estimates without labels say about the recent cases of a gate."""

from __future__ import annotations

import numpy as np
import pandas as pd

from segqc_conformal.gate import CalibratedGate
from segqc_conformal.monitors.difference_of_confidences import difference_of_confidences
from segqc_conformal.monitors.direct_estimate import direct_estimate
from segqc_conformal.monitors.thresholded_confidence import thresholded_confidence
from segqc_conformal.scoring import score_rows

__all__ = ["gate_estimates"]

COLUMNS = (
    "structure",
    "cases",
    "calibration",
    "direct",
    "thresholded",
    "difference",
    "bad_calibration",
    "bad_direct",
    "bad_thresholded",
)


def gate_estimates(gate: CalibratedGate, current: pd.DataFrame) -> pd.DataFrame:
    """Estimate mean Dice and the share of bad masks of recent cases, without labels.

    Parameters
    ----------
    gate : CalibratedGate
        Its calibration patients and its quality predictor.
    current : DataFrame
        Recent cases: ``case_id, structure`` and the features that the predictor reads. Rows
        without all of them, and empty predictions, are left out.

    Returns
    -------
    DataFrame
        One row per structure and for the whole case: ``structure, cases``; mean Dice at
        ``calibration``, and as estimated by `direct_estimate`, `thresholded_confidence` and
        `difference_of_confidences`; the share of bad masks likewise (the last does not give it).
        Empty where nothing can be estimated.

    Notes
    -----
    Guarantee: none; estimates, never alarms.
    """
    features = list(gate.quality.features)
    then = gate.profile[gate.profile["role"] == "calibration"]
    then = then[then["predicted_dice"].notna()]
    if then.empty or not set(features) <= set(current.columns):
        return pd.DataFrame(columns=list(COLUMNS))
    usable = current["structure"].isin(gate.structures) & np.isfinite(
        current[features].to_numpy(dtype=np.float64)
    ).all(axis=1)
    threshold = gate.certificate.settings["dice_threshold"]
    now = current.loc[usable, ["case_id", "structure", *features]].assign(dice=np.nan)
    now = score_rows(now, gate.quality, gate.structures, threshold)
    now = now[now["predicted_dice"].notna() & now["structure"].isin(then["structure"])]
    if now.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    return _estimated(then, now, threshold)


def _estimated(then: pd.DataFrame, now: pd.DataFrame, threshold: float) -> pd.DataFrame:
    names = {"structures": then["structure"], "new_structures": now["structure"]}
    direct = direct_estimate(
        then["predicted_dice"],
        then["scale"],
        then["dice"],
        now["predicted_dice"],
        now["scale"],
        threshold,
        **names,
    )
    thresholded = thresholded_confidence(
        then["accept_score"], then["dice"], now["accept_score"], threshold, **names
    )
    difference = difference_of_confidences(
        then["predicted_dice"], then["dice"], now["predicted_dice"], threshold, **names
    )
    rows = []
    for name in direct:
        dice = then.loc[then["structure"] == name, "dice"]
        rows.append(
            (
                name,
                direct[name].cases,
                float(dice.mean()),
                direct[name].mean_dice,
                thresholded[name].mean_dice,
                difference[name].mean_dice,
                float((dice <= threshold).mean()),
                direct[name].share_bad,
                thresholded[name].share_bad,
            )
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))
