"""How narrow an interval can get: what part of the residual no feature explains.

Measured on the pool patients alone. The default quality predictor is fitted on 60 and on 120 of
them and predicts 40 others, many times over. Its width is that at the exact 90 % quantile of the
residuals, without the noise of a calibration set. Then the residuals themselves are predicted from
all features, by patient out of fold, with a linear model and a forest: what these cannot explain
is the floor for this feature table, as far as so many patients can tell. The largest tenth of the
residuals is cut to its limit first, since a 90 % interval need not hold it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.model_selection import GroupKFold, cross_val_predict
from splits_measure import world_rows
from splits_methods import MISCOVERAGE

from segqc_conformal.features.table import feature_columns
from segqc_conformal.quality.candidates import default_candidates
from segqc_conformal.quality.predictor import fit_quality
from segqc_conformal.scoring import empty_prediction

FIT_SIZES = (60, 120)
TEST_SIZE = 40
DRAWS = 12


def floor(table: pd.DataFrame, worlds: Sequence[str], processes: int) -> list[dict[str, Any]]:
    """Return, for each world and structure, residuals and widths for each number of fit patients.

    The mixed world is drawn once, so that each patient has one residual.
    """
    out = []
    for world in worlds:
        rows = world_rows(table, world, 0)
        rows = rows[~empty_prediction(rows)].reset_index(drop=True)
        drawn = Parallel(n_jobs=processes)(delayed(_predict)(rows, draw) for draw in range(DRAWS))
        predicted = pd.concat(drawn, ignore_index=True)
        explained = _explained(rows, predicted[predicted["fit"] == FIT_SIZES[-1]])
        for structure, of in predicted.groupby("structure"):
            here = rows["structure"] == structure
            out.append(
                {
                    "world": world,
                    "structure": structure,
                    "dice_sd": rows.loc[here, "dice"].std(),
                    "width_without_features": _shortest(rows.loc[here, "dice"].to_numpy()),
                    "explained": explained[structure],
                    "by_fit_patients": [_spread(of[of["fit"] == size]) for size in FIT_SIZES],
                }
            )
    return out


def _predict(rows: pd.DataFrame, draw: int) -> pd.DataFrame:
    order = np.random.default_rng([draw, 2]).permutation(sorted(rows["patient_id"].unique()))
    test = rows[rows["patient_id"].isin(order[:TEST_SIZE])]
    parts = []
    for size in FIT_SIZES:
        fit = rows["patient_id"].isin(order[TEST_SIZE : TEST_SIZE + size])
        predicted, scale = fit_quality(rows[fit], miscoverage=MISCOVERAGE)[0].predict(test)
        parts.append(
            test[["structure", "dice"]].assign(
                row=test.index, fit=size, predicted=predicted, scale=scale
            )
        )
    return pd.concat(parts)


def _spread(rows: pd.DataFrame) -> dict[str, float]:
    residual = (rows["dice"] - rows["predicted"]).to_numpy()
    margin = np.quantile(np.abs(residual) / rows["scale"], 1 - MISCOVERAGE) * rows["scale"]
    high, low = np.clip(rows["predicted"] + margin, 0, 1), np.clip(rows["predicted"] - margin, 0, 1)
    return {
        "fit_patients": int(rows["fit"].iloc[0]),
        "unexplained": float(residual.var() / rows["dice"].var()),
        "residual_sd": float(residual.std()),
        "width": float((high - low).mean()),
    }


def _shortest(dice: Any) -> float:
    """Return the width of the shortest interval that holds 90 % of the values."""
    values = np.sort(dice)
    inside = int(np.ceil((1 - MISCOVERAGE) * values.size))
    return float((values[inside - 1 :] - values[: values.size - inside + 1]).min())


def _explained(rows: pd.DataFrame, predicted: pd.DataFrame) -> dict[str, float]:
    """Return the share of the residuals' variance that the better of two models explains."""
    residual = (predicted["dice"] - predicted["predicted"]).groupby(predicted["row"]).mean()
    limit = np.quantile(np.abs(residual), 1 - MISCOVERAGE)
    residual = residual.clip(-limit, limit)
    known = rows.loc[residual.index]
    features = feature_columns(rows)
    models = default_candidates(features, len(known) * 4 // 5)
    shares = []
    for name in ("ridge", "forest"):
        found = cross_val_predict(
            models[name],
            known[[*features, "structure"]],
            residual,
            groups=known["patient_id"],
            cv=GroupKFold(5),
        )
        left = (residual - found) ** 2
        shares.append(1 - left.groupby(known["structure"]).mean() / _variance(residual, known))
    return {
        str(name): float(value) for name, value in pd.concat(shares, axis=1).max(axis=1).items()
    }


def _variance(residual: pd.Series, known: pd.DataFrame) -> pd.Series:
    return residual.groupby(known["structure"]).var(ddof=0)
