"""The ways to measure how unlike a case is: scikit-learn's one-class models, larger = more."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEWEST_FIT", "METHODS", "fitted_model", "model_nonconformity"]

METHODS = ("mahalanobis", "nearest", "svm", "forest", "value")
FEWEST_FIT = 10  # good fit patients of a structure
NEIGHBOURS = 5


def fitted_model(method: str, values: NDArray[np.float64], seed: int) -> Any:
    """Fit the model of a method on good cases.

    Parameters
    ----------
    method : str
        One of `METHODS` but "value", which fits nothing.
    values : ndarray of float64, shape (cases, features)
    seed : int
        Of the forest.

    Returns
    -------
    Pipeline
        Of scikit-learn: features in units of their standard deviation, then the model.

    Notes
    -----
    Guarantee: none.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), _unfitted(method, seed)).fit(values)


def _unfitted(method: str, seed: int) -> Any:
    from sklearn.covariance import LedoitWolf
    from sklearn.ensemble import IsolationForest
    from sklearn.neighbors import NearestNeighbors
    from sklearn.svm import OneClassSVM

    return {
        "mahalanobis": LedoitWolf(),
        "nearest": NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute"),
        "svm": OneClassSVM(nu=0.1),
        "forest": IsolationForest(random_state=seed),
    }[method]


def model_nonconformity(
    method: str, model: Any, values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how unlike the fitted cases each case is, by a fitted model.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    model : Pipeline or None
        As `fitted_model` returned it; None for "value".
    values : ndarray of float64, shape (cases, features)

    Returns
    -------
    ndarray of float64, shape (cases,)
        "mahalanobis": distance from the mean, shrunk covariance; "nearest": distance to the fifth
        nearest fitted case; "svm": distance beyond the border; "forest": anomaly in (0, 1];
        "value": the feature itself.

    Notes
    -----
    Guarantee: none by itself; a conformal p-value makes it one.
    Source: Ledoit and Wolf, J. Multivariate Anal. 88 (2004); Ramaswamy et al., SIGMOD 2000;
    Schoelkopf et al., Neural Comput. 13 (2001); Liu et al., ICDM 2008.

    Examples
    --------
    >>> cases = np.random.default_rng(0).normal(size=(50, 2))
    >>> model = fitted_model("mahalanobis", cases, seed=0)
    >>> near, far = model_nonconformity("mahalanobis", model, np.array([[0.0, 0.0], [9.0, 9.0]]))
    >>> bool(near < 1 < 9 < far)
    True
    """
    if method == "value":
        return values[:, 0]
    scaled, last = model[:-1].transform(values), model[-1]
    if method == "mahalanobis":
        return np.asarray(np.sqrt(last.mahalanobis(scaled)))
    if method == "nearest":
        return np.asarray(last.kneighbors(scaled)[0][:, -1])
    if method == "svm":
        return np.asarray(-last.decision_function(scaled))
    return np.asarray(-last.score_samples(scaled))
