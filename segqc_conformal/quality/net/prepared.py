"""Cases brought to a net's grid, once, so that training reads every case a single time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from segqc_conformal.errors import InputError
from segqc_conformal.quality.net.head import Head, SeenCase
from segqc_conformal.quality.net.inputs import input_channels
from segqc_conformal.quality.net.quality_case import QualityCase
from segqc_conformal.quality.net.view import view_of

__all__ = ["Prepared", "Preparing"]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A case as the network takes it.

    ``inputs`` are ``(items, channels, *grid)`` in half precision; ``widths`` says how many channels
    each input has; ``targets`` are ``(items, ...)`` by head.
    """

    case_id: str
    patient_id: str
    corrupted: bool
    inputs: Tensor
    widths: dict[str, int]
    targets: dict[str, Tensor]


@dataclass(frozen=True)
class Preparing:
    """How cases become items: the part of a net's settings that data depend on."""

    inputs: tuple[str, ...]
    heads: tuple[Head, ...]
    structures: dict[str, int]
    grid: tuple[int, ...]
    margin_mm: float | None
    slice_axis: int | None

    def seen(self, case: QualityCase) -> SeenCase:
        """Return the case with the view that the net has of it."""
        axes = len(self.grid) + (self.slice_axis is not None)
        if len(case.spatial_shape) != axes:
            raise InputError(
                f"a case with {axes} spatial axes",
                f"spatial shape {case.spatial_shape}",
                "give spacing_mm if the first axis of the image is channels, or train a net with "
                "other dimensions",
                case.case_id,
            )
        grid, whole = self.grid, None
        if self.slice_axis is not None:
            whole = self.slice_axis % axes
            grid = (*grid[:whole], case.spatial_shape[whole], *grid[whole:])
        view = view_of(case.spatial_shape, grid, case.mask, self.margin_mm, case.spacing, whole)
        return SeenCase(case, self.structures, whole, view)

    def items(self, seen: SeenCase) -> tuple[Tensor, dict[str, int]]:
        """Return the inputs ``(items, channels, *grid)`` and how many channels each has."""
        channels = input_channels(seen.case, self.inputs, self.structures)
        inputs = seen.view.to_grid(torch.cat(list(channels.values())))[None]
        if seen.slice_axis is not None:
            inputs = inputs[0].movedim(1 + seen.slice_axis, 0)
        return inputs.half(), {name: len(values) for name, values in channels.items()}

    def prepare(self, case: QualityCase) -> Prepared:
        """Bring one case and its targets to the net's grid."""
        seen = self.seen(case)
        inputs, widths = self.items(seen)
        targets = {head.kind: head.target(seen) for head in self.heads}
        return Prepared(case.case_id, case.patient_id, case.corrupted, inputs, widths, targets)

    def prepare_all(
        self, cases: Iterable[QualityCase], progress: Callable[[str], None] | None = None
    ) -> list[Prepared]:
        """Prepare cases one after the other; refuse ids that come twice and unequal channels."""
        done: list[Prepared] = []
        for case in cases:
            if progress is not None:
                progress(f"case {case.case_id}")
            done.append(self.prepare(case))
            if done[-1].widths != done[0].widths:
                raise InputError(
                    f"inputs with {done[0].widths} channels, as case {done[0].case_id}",
                    done[-1].widths,
                    "give every case the same channels",
                    case.case_id,
                )
        _refuse_repeats([one.case_id for one in done])
        return done


def _refuse_repeats(case_ids: Sequence[str]) -> None:
    seen: set[str] = set()
    for case_id in case_ids:
        if case_id in seen:
            raise InputError(
                "an id of its own for each case", "one that comes twice", "rename it", case_id
            )
        seen.add(case_id)
