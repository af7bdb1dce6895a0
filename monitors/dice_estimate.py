"""What Dice would be, estimated without labels: shown beside the alarms, never one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import InputError

__all__ = ["ALL_STRUCTURES", "DiceEstimate", "rows_by_structure"]

ALL_STRUCTURES = "all"


@dataclass(frozen=True)
class DiceEstimate:
    """Dice of new cases of one structure, estimated without a reference mask.

    Parameters
    ----------
    calibration_cases, cases : int
        Labelled cases it rests on, and new cases it is about; >= 1.
    mean_dice : float
        In [0, 1].
    share_bad : float or None
        Estimated share of new cases with Dice <= the threshold, in [0, 1]; None: not estimated.
    spread : float or None
        Standard deviation of the true mean about the estimate if errors stay as they were in
        calibration; None: not estimated. Nothing else is in it.

    Notes
    -----
    Guarantee: none. Each estimate supposes that masks with the same score are as good as they were
    in calibration, which is what no score can show; only audits can. So it raises no alarm and
    clears none.

    Examples
    --------
    >>> print(DiceEstimate(100, 40, 0.82, 0.25, None).in_words)
    Estimated without labels, and not promised: mean Dice 0.820, 25.0 % bad (40 cases).
    """

    calibration_cases: int
    cases: int
    mean_dice: float
    share_bad: float | None
    spread: float | None

    @property
    def in_words(self) -> str:
        """One sentence for a person."""
        bad = "" if self.share_bad is None else f", {100 * self.share_bad:.1f} % bad"
        return (
            f"Estimated without labels, and not promised: mean Dice {self.mean_dice:.3f}{bad} "
            f"({self.cases} cases)."
        )


def rows_by_structure(
    structures: ArrayLike | None, cases: int, new_structures: ArrayLike | None, new_cases: int
) -> Iterator[tuple[str, NDArray[np.intp], NDArray[np.intp]]]:
    """Yield each structure of the new cases with the rows of its calibration and new cases.

    Parameters
    ----------
    structures, new_structures : array_like of str, shapes (cases,) and (new_cases,), or None
        None for both: one structure, called "all".
    cases, new_cases : int

    Raises
    ------
    InputError
        For structures on one side only, of another length, missing, or not in the calibration.

    Examples
    --------
    >>> [(name, old.tolist(), new.tolist())
    ...  for name, old, new in rows_by_structure(["a", "b", "a"], 3, ["a"], 1)]
    [('a', [0, 2], [0])]
    """
    old = _names("structures", structures, cases)
    new = _names("new_structures", new_structures, new_cases)
    unknown = sorted(set(new) - set(old))
    if unknown or not new_cases:
        raise InputError(
            "new cases, of structures that have calibration cases",
            f"{unknown[:12]} among {new_cases} new cases",
            "leave out structures that were not calibrated",
        )
    for name in sorted(set(new)):
        yield name, np.flatnonzero(old == name), np.flatnonzero(new == name)


def _names(what: str, structures: ArrayLike | None, cases: int) -> NDArray[np.object_]:
    if structures is None:
        return np.full(cases, ALL_STRUCTURES, dtype=object)
    names = np.asarray(structures, dtype=object)
    if names.shape != (cases,) or pd.isna(names).any():
        raise InputError(
            f"{what} of shape ({cases},), none missing",
            f"shape {names.shape}",
            "name the structure of each case",
        )
    return np.array([str(name) for name in names], dtype=object)
