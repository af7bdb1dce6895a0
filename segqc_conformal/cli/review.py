"""`segqc review`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["review"]

_OUT = typer.Option(help="Work list to write (.html, .csv, .parquet).", show_default=False)
_IMAGES = typer.Option(
    metavar="DIR", show_default=False, help="NIfTI images, CASE.nii.gz. Needs --maps."
)
_MASKS = typer.Option(
    metavar="DIR",
    show_default=False,
    help="Deployed masks, CASE.nii.gz. Without it the judged mask saved beside the maps is shown.",
)
_MAPS = typer.Option(
    metavar="DIR",
    show_default=False,
    help="Saved maps, a folder CASE/ each, as segqc extract --maps writes them.",
)
_STRUCTURES = typer.Option(
    metavar="NAME=LABEL,...",
    show_default=False,
    help="Structures and their labels in the masks. Needed with --maps.",
)
_REGIONS = typer.Option(
    metavar="DIR",
    show_default=False,
    help="Write the regions to look at there: CASE.nii.gz, in which the region of place k is k, "
    "and regions.csv. Needs --maps.",
)


def review(
    verdicts: Annotated[Path, typer.Argument(help="Verdict table (.parquet, .csv).")],
    out: Annotated[Path, _OUT],
    images: Annotated[Path | None, _IMAGES] = None,
    masks: Annotated[Path | None, _MASKS] = None,
    maps: Annotated[Path | None, _MAPS] = None,
    structures: Annotated[str | None, _STRUCTURES] = None,
    regions: Annotated[Path | None, _REGIONS] = None,
) -> None:
    """Write the work list for a human: referred cases, the most doubtful first, and why.

    With the images and the saved maps, also where to look in each case:

        segqc review verdicts.parquet --out list.html --images images/
          --maps maps/ --structures anterior=1,posterior=2 --regions regions/

    The page shows the worst slice of each case. As .csv or .parquet the list has
    one row for each case, as a hospital's work list takes it; with maps, the
    columns slice_axis, worst_slice, first_slices (such as "12-15 20", counted
    from 0), regions (how many) and not_shown (why nothing is said). Single
    regions, one row each with box and centre, are in regions.csv of --regions.

    A case whose image, mask or maps are missing is named; the others go on.
    """
    from segqc_conformal.cli.parsing import parse_structures
    from segqc_conformal.errors import InputError
    from segqc_conformal.features.table import read_table
    from segqc_conformal.reports.case_looks import CaseFolders, look_at_cases
    from segqc_conformal.reports.work_list import check_suffix, work_list, write_work_list

    check_suffix(out)
    given = (images, maps, structures)
    asked = (*given, masks, regions)
    if any(one is not None for one in asked) and any(one is None for one in given):
        raise InputError(
            "--images, --maps and --structures together",
            "some of them" if any(given) else "--masks or --regions alone",
            "name all three, or none for the list of cases alone",
        )
    table = read_table(verdicts)
    listed, looks = work_list(table)["case_id"], None
    if images is not None and maps is not None and structures is not None:
        folders = CaseFolders(images, maps, parse_structures(structures), masks)
        looks = look_at_cases(listed, folders, regions)
        for look in looks.values():
            if look.missing:
                typer.echo(f"not shown: {look.missing}", err=True)
    print(f"{len(listed)} cases to look at: {write_work_list(out, table, looks)}")
    if regions is not None:
        print(f"Regions to look at: {regions}")
