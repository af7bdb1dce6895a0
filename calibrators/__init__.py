"""Stage 5, quality to promise: settings that calibrate, and the certificates they return."""

from segqc_conformal.calibrators.accept import AcceptCertificate, AcceptThreshold, ThresholdTest
from segqc_conformal.calibrators.accept_grid import accept_grid
from segqc_conformal.calibrators.accept_groups import GroupedAcceptCertificate
from segqc_conformal.calibrators.accepted_interval import AcceptedInterval
from segqc_conformal.calibrators.conditional_interval import ConditionalInterval
from segqc_conformal.calibrators.conformal_selection import ConformalSelection, SelectionCertificate
from segqc_conformal.calibrators.cross_conformal import CrossConformalInterval
from segqc_conformal.calibrators.domain_weights import domain_weights
from segqc_conformal.calibrators.interval import DiceInterval, IntervalCertificate
from segqc_conformal.calibrators.joint_risk import JointRiskCertificate, JointRiskThreshold
from segqc_conformal.calibrators.masks.curve import mask_curve
from segqc_conformal.calibrators.masks.instances import instance_curve
from segqc_conformal.calibrators.masks.margin import MaskMargin
from segqc_conformal.calibrators.masks.threshold import MaskThreshold
from segqc_conformal.calibrators.planning import calibration_size, certification_chance
from segqc_conformal.calibrators.predictive_distribution import DicePredictiveDistribution
from segqc_conformal.calibrators.quantile_interval import QuantileInterval
from segqc_conformal.calibrators.regressor_interval import RegressorInterval
from segqc_conformal.calibrators.shift_sensitivity import (
    ShiftSensitivity,
    accept_sensitivity,
    interval_sensitivity,
)
from segqc_conformal.calibrators.slice_interval import SliceInterval
from segqc_conformal.calibrators.venn_abers import VennAbersProbability

__all__ = [
    "AcceptCertificate",
    "AcceptThreshold",
    "AcceptedInterval",
    "ConditionalInterval",
    "ConformalSelection",
    "CrossConformalInterval",
    "DiceInterval",
    "DicePredictiveDistribution",
    "GroupedAcceptCertificate",
    "IntervalCertificate",
    "JointRiskCertificate",
    "JointRiskThreshold",
    "MaskMargin",
    "MaskThreshold",
    "QuantileInterval",
    "RegressorInterval",
    "SelectionCertificate",
    "ShiftSensitivity",
    "SliceInterval",
    "ThresholdTest",
    "VennAbersProbability",
    "accept_grid",
    "accept_sensitivity",
    "calibration_size",
    "certification_chance",
    "domain_weights",
    "instance_curve",
    "interval_sensitivity",
    "mask_curve",
]
