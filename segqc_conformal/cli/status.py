"""`segqc status`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["status"]


def status(
    calibration: Annotated[Path, typer.Argument(help="Calibration folder.")] = Path("calibration"),
) -> None:
    """Tell which version is in force, what it promises, and who switched when and why."""
    import pandas as pd

    from segqc_conformal.cli.tables import print_frame
    from segqc_conformal.recalibration import status as folder_status

    state = folder_status(calibration)
    history = pd.DataFrame([vars(switch) for switch in state.history])
    history["version"] = history["version"].str[:12]
    print_frame(history, f"{calibration}: {len(state.versions)} versions, switches so far")
    print(f"\nIn force: {state.active[:12]}")
    for name, promise in state.promises.items():
        print(f"\n{name}\n  {promise['interval']}\n  {promise['accept']}")
