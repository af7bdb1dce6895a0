"""Whether a quality predictor says anything about Dice: a permutation test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from segqc_conformal.calibrators.nonconformity import checked_values

__all__ = ["Usefulness", "usefulness"]

LEVEL = 0.05
PERMUTATIONS = 1999
FEWEST = 3


@dataclass(frozen=True)
class Usefulness:
    """How well predicted Dice ranks calibration patients, beside pure chance.

    Parameters
    ----------
    patients : int
        Patients counted.
    correlation : float or None
        Spearman correlation of predicted and true Dice; None where one of them is constant.
    p_value : float
        Share of random pairings that rank as well or better.

    Notes
    -----
    Guarantee: that of `usefulness`.
    """

    patients: int
    correlation: float | None
    p_value: float

    @property
    def informative(self) -> bool:
        """Whether chance alone explains the ranking in at most 1 of 20 calibrations."""
        return self.p_value <= LEVEL

    @property
    def in_words(self) -> str:
        """One sentence for a person."""
        if self.correlation is None:
            return (
                f"Uninformative: {self.patients} calibration patients cannot show whether the "
                "predicted Dice ranks masks at all."
            )
        found = f"rank correlation {self.correlation:.2f}, permutation test p = {self.p_value:.2g}"
        if self.informative:
            return f"The predicted Dice ranks masks better than chance ({found})."
        return (
            f"Uninformative: on {self.patients} calibration patients the predicted Dice does not "
            f"rank masks better than chance ({found}). Promises hold all the same, but intervals "
            "may be no narrower than without any features."
        )


def usefulness(predicted: ArrayLike, dice: ArrayLike, seed: int = 0) -> Usefulness:
    """Test whether predicted Dice ranks masks better than a random pairing would.

    Parameters
    ----------
    predicted, dice : array_like of float, shape (patients,)
        Of calibration patients, one case each.
    seed : int
        Seed of 1,999 random pairings.

    Returns
    -------
    Usefulness

    Raises
    ------
    InputError
        For NaN, infinite values and unequal lengths.

    Notes
    -----
    Guarantee: if predicted and true Dice of exchangeable patients are independent, P(p <= u) <= u
    for every u. It decides nothing: certificates hold for useless predictions too.
    Source: Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010), equation 2 (the observed
    pairing counts as one of the random ones).

    Examples
    --------
    >>> usefulness([0.1, 0.5, 0.7, 0.8, 0.9], [0.2, 0.4, 0.6, 0.8, 0.95]).p_value < 0.05
    True
    """
    dice = checked_values("dice", dice)
    predicted = checked_values("predicted Dice", predicted, like=dice)
    ranks = [rankdata(values) - (values.size + 1) / 2.0 for values in (predicted, dice)]
    spread = float(np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum()))
    if dice.size < FEWEST or spread == 0.0:
        return Usefulness(int(dice.size), None, 1.0)
    rng = np.random.default_rng(seed)
    observed = float(ranks[0] @ ranks[1])
    # ranks are halves, so their products are exact: equal pairings compare as equal
    better = sum(
        float(ranks[0] @ rng.permutation(ranks[1])) >= observed for _ in range(PERMUTATIONS)
    )
    return Usefulness(int(dice.size), observed / spread, (1 + better) / (1 + PERMUTATIONS))
