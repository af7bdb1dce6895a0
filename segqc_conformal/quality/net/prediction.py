"""What a quality net says of one case."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["QualityPrediction"]


@dataclass(frozen=True, eq=False)
class QualityPrediction:
    """What a quality net says of one case.

    Parameters
    ----------
    case_id : str
    features : dict of dict of float
        Structure -> name -> value; in the feature table, ``feature_net_<name>``. What concerns the
        whole case is the same for all its structures.
    maps : dict of ndarray of float32
        On the image's grid: "error" ``(structures, *spatial)`` from a voxel head, "failure"
        ``(structures, *spatial)`` from a patch head, both probabilities.
    slices : DataFrame
        From a slice head, one row for each structure and slice: ``case_id, structure, slice`` and
        its numbers; else empty.

    Notes
    -----
    Guarantee: none; a certificate of a gate that was calibrated with these features makes promises.
    """

    case_id: str
    features: dict[str, dict[str, float]]
    maps: dict[str, NDArray[np.float32]]
    slices: pd.DataFrame
