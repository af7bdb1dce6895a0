"""Record to alarm: monitors that notice when new cases stop being like the calibration cases."""

from segqc_conformal.monitors.accepted_error import AcceptedErrorWatch
from segqc_conformal.monitors.adaptive_miscoverage import AdaptiveMiscoverage
from segqc_conformal.monitors.coverage import CoverageWatch
from segqc_conformal.monitors.coverage_bound import CoverageBound, coverage_bound
from segqc_conformal.monitors.dice_estimate import DiceEstimate
from segqc_conformal.monitors.difference_of_confidences import difference_of_confidences
from segqc_conformal.monitors.direct_estimate import direct_estimate
from segqc_conformal.monitors.drift_counts import DriftCounts, bin_edges, counted_files
from segqc_conformal.monitors.drift_numbers import drift_numbers
from segqc_conformal.monitors.exchangeability import ExchangeabilityWatch
from segqc_conformal.monitors.fixed_profile import FixedProfileWatch
from segqc_conformal.monitors.gate_estimates import gate_estimates
from segqc_conformal.monitors.harm_state import HarmState, StratumState
from segqc_conformal.monitors.inverse_probability import InverseProbabilityWatch
from segqc_conformal.monitors.label_budget import LabelBudget, label_budget
from segqc_conformal.monitors.merged_evidence import MergedEvidence, merged_evidence
from segqc_conformal.monitors.monitor_run import MonitorRun, SegmentFound
from segqc_conformal.monitors.monitor_settings import MonitorSettings
from segqc_conformal.monitors.risk_sequence import RiskSequence
from segqc_conformal.monitors.run import run_monitors
from segqc_conformal.monitors.segment_monitor import SegmentMonitor
from segqc_conformal.monitors.segments import Segment, WatchedGate, watched
from segqc_conformal.monitors.shortfall import ShortfallWatch
from segqc_conformal.monitors.streams import case_streams, start_watch
from segqc_conformal.monitors.thresholded_confidence import thresholded_confidence
from segqc_conformal.monitors.watch_state import WatchState

__all__ = [
    "AcceptedErrorWatch",
    "AdaptiveMiscoverage",
    "CoverageBound",
    "CoverageWatch",
    "DiceEstimate",
    "DriftCounts",
    "ExchangeabilityWatch",
    "FixedProfileWatch",
    "HarmState",
    "InverseProbabilityWatch",
    "LabelBudget",
    "MergedEvidence",
    "MonitorRun",
    "MonitorSettings",
    "RiskSequence",
    "Segment",
    "SegmentFound",
    "SegmentMonitor",
    "ShortfallWatch",
    "StratumState",
    "WatchState",
    "WatchedGate",
    "bin_edges",
    "case_streams",
    "counted_files",
    "coverage_bound",
    "difference_of_confidences",
    "direct_estimate",
    "drift_numbers",
    "gate_estimates",
    "label_budget",
    "merged_evidence",
    "run_monitors",
    "start_watch",
    "thresholded_confidence",
    "watched",
]
