"""Options that several commands share, worded once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["ByOption", "CalibrationOption", "HashIdsOption", "LogOption", "ReasonOption"]

CalibrationOption = Annotated[
    Path, typer.Option("--calibration", help="Calibration folder, as `segqc calibrate` made it.")
]
LogOption = Annotated[
    str,
    typer.Option("--log", help="Case log: a SQLAlchemy URL, for example sqlite:///log.db."),
]
HashIdsOption = Annotated[
    Path | None,
    typer.Option(
        "--hash-ids",
        help="File with the salt under which this log hashes ids. Default: ids as given.",
    ),
]
ByOption = Annotated[str, typer.Option("--by", help="Who does this; kept for ever.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept for ever.")]
