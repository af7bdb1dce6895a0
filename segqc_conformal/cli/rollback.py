"""`segqc rollback`."""

from __future__ import annotations

from typing import Annotated

import typer

from segqc_conformal.cli.options import ByOption, CalibrationOption, ReasonOption

__all__ = ["rollback"]


def rollback(
    calibration: CalibrationOption,
    by: ByOption,
    reason: ReasonOption,
    to: Annotated[
        str | None, typer.Option(help="Version, or its first digits. Default: the parent.")
    ] = None,
) -> None:
    """Put an earlier version of the calibration in force again; its monitors resume."""
    from segqc_conformal.recalibration import rollback as roll_back

    print(f"version {roll_back(calibration, by=by, reason=reason, to=to)[:12]} is in force")
