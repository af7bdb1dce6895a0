"""Saving and loading fitted scikit-learn models without pickle (the only file that uses skops)."""

from __future__ import annotations

from typing import Any

from segqc_conformal.errors import TamperedError

__all__ = ["dump_models", "load_models"]

# what the default candidates are made of and skops does not trust by itself
TRUSTED_PREFIXES = ("sklearn.", "numpy.", "scipy.")


def dump_models(models: dict[str, Any]) -> bytes:
    """Write fitted scikit-learn models to bytes.

    Notes
    -----
    Guarantee: none.
    """
    from skops.io import dumps

    return bytes(dumps(models))


def load_models(data: bytes) -> dict[str, Any]:
    """Read models written by `dump_models`; nothing but scikit-learn and numpy types is made.

    Raises
    ------
    TamperedError
        If the file asks for any other type, or cannot be read.
    """
    from skops.io import get_untrusted_types, loads

    try:
        unknown = get_untrusted_types(data=data)
        foreign = [name for name in unknown if not name.startswith(TRUSTED_PREFIXES)]
        if foreign:
            raise TamperedError(
                "a predictor of scikit-learn and numpy types", foreign,
                "calibrate again with scikit-learn estimators",
            )
        models: dict[str, Any] = loads(data, trusted=unknown)
    except (ValueError, KeyError, OSError, TypeError) as error:
        raise TamperedError(
            "a readable predictor.skops", f"{type(error).__name__}: {error}",
            "restore the calibration folder from a backup",
        ) from error
    return models
