"""Where to look in one case: its first slices, its regions, and a picture of the worst slice."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from segqc_conformal.reports.picture import Picture

__all__ = ["CaseLook", "slice_runs"]

SHOWN = 3  # regions described


@dataclass(frozen=True, eq=False)
class CaseLook:
    """Where to look in one case.

    Parameters
    ----------
    slices : list of int
        The slices to look at first, the worst first, counted from 0; empty of an image of 2 axes.
    axis : int, optional
        Across the slices.
    slice_count : int
        Slices of the image.
    regions : DataFrame
        Rows of `find_regions`; empty where nothing is doubted beyond tolerance.
    picture : Picture, optional
        Of the worst slice.
    missing : str
        Why nothing is said or shown; empty if nothing is missing.

    Notes
    -----
    Guarantee: none.
    """

    slices: list[int] = field(default_factory=list)
    axis: int | None = None
    slice_count: int = 0
    regions: pd.DataFrame = field(default_factory=pd.DataFrame)
    picture: Picture | None = None
    missing: str = ""

    @property
    def words(self) -> str:
        """What to look at first, for a person.

        Examples
        --------
        >>> CaseLook([13, 12, 20], axis=2, slice_count=40).words
        'slices 12–13, 20, first 13; no region'
        """
        if self.missing:
            return "not shown, see below the table"
        count = len(self.regions)
        regions = f"{count or 'no'} region{'s' if count > 1 else ''}"
        if not self.slices:
            return regions
        several = f"slices {slice_runs(self.slices, '–', ', ')}, first {self.slices[0]}"
        return f"{several if len(self.slices) > 1 else f'slice {self.slices[0]}'}; {regions}"

    @property
    def title(self) -> str:
        """Which slice the picture shows."""
        if self.axis is None:
            return "The whole image."
        return (
            f"Slice {self.slices[0]} of 0 to {self.slice_count - 1} across axis {self.axis}, "
            "the one to look at first."
        )

    @property
    def region_lines(self) -> list[str]:
        """One line for each of the first regions: where it lies, and how large it is."""
        lines = []
        for row in self.regions.head(SHOWN).to_dict("records"):
            axes = [name for name in ("centre_0", "centre_1", "centre_2") if name in row]
            where = (
                ""
                if self.axis is None
                else (f"slices {row[f'first_{self.axis}']} to {row[f'last_{self.axis}']}, ")
            )
            centre = ", ".join(f"{row[name]:.0f}" for name in axes)
            lines.append(
                f"Region {row['place']}: {row['structure']}, {where}"
                f"{row['volume_ml']:.2g} ml, centre at voxel ({centre})."
            )
        more = len(self.regions) - SHOWN
        return [*lines, *([f"And {more} more regions."] if more > 0 else [])]


def slice_runs(slices: list[int], to: str = "-", between: str = " ") -> str:
    """Write slices in order, neighbours as one run.

    Examples
    --------
    >>> slice_runs([13, 12, 20])
    '12-13 20'
    """
    runs: list[list[int]] = []
    for number in sorted(slices):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return between.join(f"{run[0]}{to}{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
