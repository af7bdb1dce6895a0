"""What `segqc status` prints of the monitors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from segqc_conformal.standing import Standing

__all__ = ["print_ledger", "print_monitors", "print_standings"]


def print_standings(standings: Sequence[Standing]) -> None:
    """Say for each segment whether its promises hold as far as is known."""
    from segqc_conformal.cli.tables import print_sentences

    if not standings:
        print_sentences("Monitors", ["None has run on this version (`segqc monitor run`)."])
    for standing in standings:
        known = {
            "OK": "nothing speaks against the promises",
            "BENIGN": "cases changed, and audits showed the promises to hold all the same",
        }
        words = standing.words or f"{standing.state}: {known[standing.state]}."
        place = "" if standing.sites is None else f" ({', '.join(standing.sites)})"
        print_sentences(f"Monitors, segment {standing.segment}{place}", [words])


def print_monitors(calibration: Path, log: str) -> None:
    """Say what the monitors have seen, and what their settings mean in days."""
    from segqc_conformal.case_log import CaseLog
    from segqc_conformal.cli.tables import print_frame, print_sentences
    from segqc_conformal.gate import CalibratedGate
    from segqc_conformal.monitors.monitor_table import audits_table, settings_in_words
    from segqc_conformal.monitors.run import saved_monitor
    from segqc_conformal.monitors.segments import watched

    with CaseLog(log, create=False) as case_log:
        gate = watched(CalibratedGate.load(calibration))
        monitor = saved_monitor(case_log, gate)
        if monitor is None:
            return
        print_sentences(
            "What they promise here", settings_in_words(monitor, case_log.pace(gate.id))
        )
        audits = audits_table(monitor)
        if len(audits):
            print()
            print_frame(audits, "Audits so far")


def print_ledger(calibration: Path, log: str) -> None:
    """Print what was spent of what may go wrong."""
    from segqc_conformal.case_log import CaseLog
    from segqc_conformal.cli.tables import print_frame
    from segqc_conformal.ledger import ledger

    with CaseLog(log, create=False) as case_log:
        spent = ledger(calibration, case_log)
    shown = spent.assign(
        version=spent["version"].str[:12], spent=spent["spent"].map("{:.4g}".format)
    )
    print()
    print_frame(shown, "Spent so far: how likely, at most, each is to be wrong")
    print(f"All together: at most {min(1.0, spent['spent'].sum()):.3g}, by the union bound.")
