"""Stage 5, quality to promise: settings that calibrate, and the certificates they return."""

from segqc_conformal.calibrators.accept import AcceptCertificate, AcceptThreshold, ThresholdTest
from segqc_conformal.calibrators.accept_grid import accept_grid
from segqc_conformal.calibrators.interval import DiceInterval, IntervalCertificate
from segqc_conformal.calibrators.planning import calibration_size, certification_chance

__all__ = [
    "AcceptCertificate",
    "AcceptThreshold",
    "DiceInterval",
    "IntervalCertificate",
    "ThresholdTest",
    "accept_grid",
    "calibration_size",
    "certification_chance",
]
