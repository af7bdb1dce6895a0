"""The counts of the fault campaign as a section of docs/benchmarks.md."""

from __future__ import annotations

from typing import Any

from markdown_table import table


def section(figures: dict[str, Any]) -> str:
    """Write the section; every number in it comes from `figures`."""
    parts = [
        """## Faults: work that is killed

`python benchmarks/fault_campaign.py --write` (and `--postgres SOCKET`): a process is killed
(signal 9) at a random moment of its work; then it is looked at what is left, the same work is done
again, and the result is compared with that of work that nobody disturbed: cases, verdicts, audits,
events, the state of the monitors and the active calibration, to the byte. One difference ends the
campaign. Full disks, read-only folders and half-written files are in the tests."""
    ]
    for database, found in figures.items():
        parts.append(f"On {database}: {found['kills']:,} kills, nothing lost, nothing twice.")
        parts.append(table(("work", "killed", "done before the kill"), _rows(found["counts"])))
    return "\n\n".join(parts)


def _rows(counts: dict[str, int]) -> list[tuple[str, str, str]]:
    names = dict.fromkeys(name.rsplit(", ", 1)[0] for name in counts)
    return [
        (
            name,
            *(f"{counts.get(f'{name}, {end}', 0):,}" for end in ("killed", "done before the kill")),
        )
        for name in names
    ]
