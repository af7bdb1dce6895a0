"""Recalibration, as a section of docs/benchmarks.md."""

from __future__ import annotations

import json
from typing import Any


def section(figures: dict[str, Any]) -> str:
    return "## Recalibration\n\n" + json.dumps(figures, indent=1)


def simulated_part(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, indent=1)
