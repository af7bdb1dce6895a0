"""Prefect: one flow run a day; it returns what was found, and fails on errors and alarms."""

import json
import subprocess
from typing import Any

from prefect import flow

COMMAND = ["segqc", "monitor", "run", "--log", "sqlite:///log.db"]
COMMAND += ["--calibration", "calibration", "--wait", "60"]
ERROR, ALARM = 1, 10


@flow(name="segqc-monitor")
def monitor_run() -> dict[str, Any]:
    """Run the monitors once."""
    done = subprocess.run(
        COMMAND, cwd="/var/lib/segqc", capture_output=True, text=True, check=False
    )
    if done.returncode == ERROR:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    if done.returncode == ALARM:
        raise RuntimeError(f"alarm: {[each['standing'] for each in found['segments']]}")
    return found


if __name__ == "__main__":
    monitor_run.serve(name="daily", cron="15 5 * * *", limit=1)
