"""The accept threshold of this package and MAPIE's, each on the accept score it is given."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from splits_methods import THRESHOLD, Scored

from segqc_conformal.calibrators import AcceptThreshold, accept_grid

CONFIDENCE = 0.9


def own_rule(parts: Scored, tolerated: float) -> NDArray[np.bool_] | None:
    calibration = parts["calibration"]
    grid = accept_grid(
        parts["fit"]["accept_score"],
        len(calibration),
        tolerated,
        CONFIDENCE,
        tuning_bad=parts["fit"]["dice"] <= THRESHOLD,
    )
    certificate = AcceptThreshold(THRESHOLD, tolerated, CONFIDENCE).calibrate(
        calibration["accept_score"], calibration["dice"], grid
    )
    if certificate.threshold is None:
        return None
    return np.asarray(certificate.accept(parts["test"]["accept_score"]))


def mapie_rule(parts: Scored, tolerated: float) -> NDArray[np.bool_] | None:
    """MAPIE at its best setting seen: the default grid of 100 thresholds, Bonferroni.

    The score is handed over as its rank among the fit patients' scores, which spreads it over
    [0, 1] as the default grid expects.
    """
    from mapie.risk_control import BinaryClassificationController, precision

    ranks = np.sort(parts["fit"]["accept_score"].to_numpy())

    def probability(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        share = np.searchsorted(ranks, scores[:, 0], side="right") / (ranks.size + 1)
        return np.column_stack([1 - share, share])

    score = {name: rows[["accept_score"]].to_numpy() for name, rows in parts.items()}
    good = (parts["calibration"]["dice"] > THRESHOLD).astype(int).to_numpy()
    controller = BinaryClassificationController(
        probability,
        precision,
        target_level=1 - tolerated,
        confidence_level=CONFIDENCE,
        fwer_method="bonferroni",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "no valid threshold" is a result here
        controller.calibrate(score["calibration"], good)
        if controller.best_predict_param is None:
            return None
        return np.asarray(controller.predict(score["test"]) == 1)
