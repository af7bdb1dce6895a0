"""Record to alarm: monitors that notice when new cases stop being like the calibration cases."""

from segqc_conformal.monitors.exchangeability import ExchangeabilityWatch
from segqc_conformal.monitors.run import MonitorRun, run_monitors
from segqc_conformal.monitors.streams import case_streams, start_watch
from segqc_conformal.monitors.watch_state import WatchState

__all__ = [
    "ExchangeabilityWatch",
    "MonitorRun",
    "WatchState",
    "case_streams",
    "run_monitors",
    "start_watch",
]
