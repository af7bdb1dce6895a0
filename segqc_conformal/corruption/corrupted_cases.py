"""Corrupted cases as a recipe each, so that one mask is in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.case import Case, in_structure
from segqc_conformal.corruption.dice_histogram import DiceHistogram
from segqc_conformal.corruption.painted import painted
from segqc_conformal.corruption.reference_masks import Kind, MaskPath, ReferenceMasks, masks_of
from segqc_conformal.dice import dice
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.patients import stable_hash
from segqc_conformal.whole_case import WHOLE_CASE

__all__ = ["CorruptedCase", "CorruptedCases", "Recipes"]


@dataclass(frozen=True, eq=False)
class CorruptedCase:
    """A case with a corrupted mask, and how it was made.

    Parameters
    ----------
    case : Case
        ``mask`` is the corrupted one, ``reference`` the reference mask, and ``corrupted`` is True.
        ``case_id`` is the original one with "~corrupted" and a number; the patient is the same.
    dice : dict of str to float
        Dice of each structure, by `segqc_conformal.dice`.
    kind : str
    strength : float
        In [0, 1].

    Notes
    -----
    Guarantee: none.
    """

    case: Case
    dice: dict[str, float]
    kind: str
    strength: float


@dataclass(frozen=True, eq=False)
class Recipes:
    """What turns a case into its corrupted masks; the same for all of them."""

    structures: Mapping[str, int]
    of: str
    kinds: Mapping[str, Kind]
    seed: int

    def rng(self, case: Case, *names: object) -> np.random.Generator:
        """Return the generator of one purpose: a function of seed, case and names."""
        return np.random.default_rng(stable_hash(self.seed, f"{(case.case_id, *names)}"))

    def reference(self, case: Case) -> ReferenceMasks:
        """Return the masks of the structures that are corrupted."""
        together = self.of == WHOLE_CASE
        return masks_of(case, self.structures if together else {self.of: self.structures[self.of]})

    def path(self, reference: ReferenceMasks, number: int, kind: str) -> MaskPath:
        """Draw the path of the `number`-th mask of a case by one kind."""
        assert reference.case is not None
        return self.kinds[kind](reference, self.rng(reference.case, number, kind))

    def mask(self, reference: ReferenceMasks, path: MaskPath, strength: float) -> NDArray[np.int64]:
        """Return the mask of a whole case at some strength."""
        assert reference.case is not None
        assert reference.case.reference is not None
        return painted(reference.case.reference, path(strength), reference.labels)

    def dice(self, case: Case, mask: NDArray[np.int64]) -> dict[str, float]:
        """Return the Dice of each structure."""
        assert case.reference is not None
        axes = len(case.spatial_shape)
        return {
            name: dice(in_structure(mask, label, axes), in_structure(case.reference, label, axes))
            for name, label in self.structures.items()
        }

    def dice_along(self, reference: ReferenceMasks, path: MaskPath) -> Callable[[float], float]:
        """Return the Dice that is requested, of one structure or the worst, by strength."""
        assert reference.case is not None
        case = reference.case

        def dice_at(strength: float) -> float:
            found = self.dice(case, self.mask(reference, path, strength))
            return min(found.values()) if self.of == WHOLE_CASE else found[self.of]

        return dice_at


@dataclass(frozen=True, eq=False)
class CorruptedCases:
    """The corrupted masks of some cases, as `corrupt` returns them; iterate to make them.

    Parameters
    ----------
    table : DataFrame
        One row per corrupted mask: ``case_id, patient_id, kind, strength, wanted, dice, missed``;
        ``dice`` is the one requested, and ``missed`` says that it is further than 0.005 from the
        ``wanted`` one: the nearest that was reachable.
    histogram : DiceHistogram
        What was requested.
    cases : sequence of Case or CaseFiles

    Notes
    -----
    Guarantee: the masks are the same each time, bit for bit, as long as the cases are (and, for
    kinds that run a model, what the model returns).
    """

    table: pd.DataFrame
    histogram: DiceHistogram
    cases: Sequence[Case | CaseFiles]
    recipes: Recipes = field(repr=False)

    @property
    def distance(self) -> float:
        """Earth mover's distance of the reached Dice from the requested histogram."""
        return self.histogram.distance(self.table["dice"])

    @property
    def missed(self) -> pd.DataFrame:
        """The rows of `table` whose wanted Dice was out of reach."""
        return self.table[self.table["missed"]]

    def __len__(self) -> int:
        """Return the number of corrupted masks."""
        return len(self.table)

    def __iter__(self) -> Iterator[CorruptedCase]:
        """Make the corrupted cases, in the order of `table`."""
        per_case = len(self.table) // len(self.cases)
        for place, given in enumerate(self.cases):
            case = loaded(given)
            reference = self.recipes.reference(case)
            rows = self.table.iloc[place * per_case : (place + 1) * per_case]
            for number, (case_id, kind, strength) in enumerate(
                zip(rows["case_id"], rows["kind"], rows["strength"], strict=True)
            ):
                path = self.recipes.path(reference, number, kind)
                mask = self.recipes.mask(reference, path, strength)
                made = replace(case, case_id=case_id, mask=mask, corrupted=True)
                yield CorruptedCase(made, self.recipes.dice(case, mask), kind, strength)


def loaded(case: Case | CaseFiles) -> Case:
    """Return a case, read from its files where it is files."""
    return case.load() if isinstance(case, CaseFiles) else case
