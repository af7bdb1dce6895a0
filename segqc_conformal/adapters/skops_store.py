"""Saving and loading fitted models without pickle (the only file that uses skops)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segqc_conformal.adapters.same_bytes import same_bytes
from segqc_conformal.canonical_json import sha256_hex
from segqc_conformal.errors import TamperedError, on_one_line

__all__ = ["dump_models", "load_models", "read_models"]

# What skops does not trust by itself. Not all of numpy: it holds functions that run text as code.
TRUSTED_PREFIX = "sklearn."
TRUSTED_FUNCTIONS = frozenset(
    f"numpy.{name}" for name in ("abs", "clip", "exp", "expm1", "log", "log1p", "sqrt", "square")
)
# A user's own regressor (`RegressorInterval`), type by type: only what holds its numbers.
TRUSTED_REGRESSORS = frozenset(
    f"mapie.{name}"
    for name in (
        "conformity_scores.bounds.absolute.AbsoluteConformityScore",
        "conformity_scores.bounds.gamma.GammaConformityScore",
        "conformity_scores.bounds.residuals.ResidualNormalisedScore",
        "estimator.regressor.EnsembleRegressor",
        "regression.quantile_regression.ConformalizedQuantileRegressor",
        "regression.quantile_regression._MapieQuantileRegressor",
        "regression.regression.CrossConformalRegressor",
        "regression.regression.JackknifeAfterBootstrapRegressor",
        "regression.regression.SplitConformalRegressor",
        "regression.regression._MapieRegressor",
        "subsample.Subsample",
    )
)


def dump_models(models: dict[str, Any]) -> bytes:
    """Write fitted scikit-learn models, or MAPIE regressors of them, to bytes.

    Notes
    -----
    Guarantee: equal models give equal bytes, in every process (see `same_bytes`).
    """
    from skops.io import dumps

    return same_bytes(bytes(dumps(models)))


def load_models(data: bytes) -> dict[str, Any]:
    """Read models written by `dump_models`; only types that are known to be harmless are made.

    These are scikit-learn's, numpy arrays, a few numpy functions, and MAPIE's regressors.

    Raises
    ------
    TamperedError
        If the file asks for any other type, or cannot be read.

    Notes
    -----
    Guarantee: none; only the listed types are ever made.
    """
    from skops.io import get_untrusted_types, loads

    try:
        unknown = get_untrusted_types(data=data)
        foreign = [name for name in unknown if not _trusted(name)]
        models: dict[str, Any] = {} if foreign else loads(data, trusted=unknown)
    except Exception as error:  # whatever a damaged archive makes skops raise
        raise TamperedError(
            "a readable predictor.skops",
            on_one_line(error),
            "restore the calibration folder from a backup",
        ) from error
    if foreign:
        raise TamperedError(
            "a predictor of scikit-learn, MAPIE and numpy types",
            foreign,
            "calibrate again with scikit-learn estimators",
        )
    return models


def read_models(path: Path, sha256: str, made_by: str) -> dict[str, Any]:
    """Read a file of what `dump_models` wrote, if it is the one that was saved.

    Parameters
    ----------
    path : Path
    sha256 : str
        Of the file as it was saved, 64 hex digits.
    made_by : str
        What would make it anew, in errors.

    Raises
    ------
    TamperedError
        If it is missing or another one, or as `load_models` does.
    """

    def refused(received: str) -> TamperedError:
        return TamperedError(
            f"{path.name} as it was saved", received, f"restore it, or {made_by} again"
        )

    try:
        content = path.read_bytes()
    except OSError as error:
        raise refused(on_one_line(error)) from error
    if sha256_hex(content) != sha256:
        raise refused(f"hash {sha256_hex(content)}")
    return load_models(content)


def _trusted(name: str) -> bool:
    return name.startswith(TRUSTED_PREFIX) or name in TRUSTED_FUNCTIONS | TRUSTED_REGRESSORS
