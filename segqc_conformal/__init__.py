"""Around a deployed segmentation model: what its masks are worth.

The walk, one stage after the other: image -> samples (`sampling`) -> maps (`uncertainty`) ->
features (`measures`, `features`) -> quality (`quality`) -> promise (`calibrators`) ->
verdict (`gate`) -> record (`case_log`) -> alarm (`monitors`) -> new promise (`recalibration`).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segqc_conformal.case import Case
    from segqc_conformal.case_log import CaseLog
    from segqc_conformal.errors import (
        CalibrationError,
        FileFormatError,
        GeometryError,
        IdentityError,
        InputError,
        SamplingError,
        SegqcError,
        TamperedError,
    )
    from segqc_conformal.features.case_files import CaseFiles
    from segqc_conformal.features.case_folders import find_cases
    from segqc_conformal.features.case_list import read_case_list
    from segqc_conformal.features.extract import extract_features
    from segqc_conformal.features.saved_maps import save_maps
    from segqc_conformal.features.table import read_table, write_table
    from segqc_conformal.gate import CalibratedGate
    from segqc_conformal.judged_model import JudgedModel, Verdict
    from segqc_conformal.measures.schema import FeatureSchema
    from segqc_conformal.one_class import CalibratedOneClass, OneClass
    from segqc_conformal.quality.correlation import feature_correlations
    from segqc_conformal.quality_gate import QualityGate
    from segqc_conformal.recalibration import recalibrate, rollback, status
    from segqc_conformal.reverse.accuracy import ReverseClassificationAccuracy
    from segqc_conformal.sampling.augmentations import Affine, Flip, Intensity, Noise, Rotate90
    from segqc_conformal.sampling.deep_ensemble import DeepEnsemble
    from segqc_conformal.sampling.drop_weights import DropWeights
    from segqc_conformal.sampling.evidential import Evidential
    from segqc_conformal.sampling.mc_dropout import MCDropout
    from segqc_conformal.sampling.predictor import Predictor
    from segqc_conformal.sampling.single_pass import SinglePass
    from segqc_conformal.sampling.stored_samples import StoredSamples
    from segqc_conformal.sampling.tta import TestTimeAugmentation
    from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator
    from segqc_conformal.uncertainty.judged_structure import JudgedStructure
    from segqc_conformal.uncertainty.md_csf import md_csf_reconstruction
    from segqc_conformal.uncertainty.two_network_reliability import two_network_reliability

_HOME = {
    "Affine": "sampling.augmentations",
    "CalibratedGate": "gate",
    "CalibratedOneClass": "one_class",
    "CalibrationError": "errors",
    "Case": "case",
    "CaseFiles": "features.case_files",
    "CaseLog": "case_log",
    "DeepEnsemble": "sampling.deep_ensemble",
    "DropWeights": "sampling.drop_weights",
    "Evidential": "sampling.evidential",
    "FeatureSchema": "measures.schema",
    "FileFormatError": "errors",
    "Flip": "sampling.augmentations",
    "GeometryError": "errors",
    "IdentityError": "errors",
    "InputError": "errors",
    "Intensity": "sampling.augmentations",
    "JudgedModel": "judged_model",
    "JudgedStructure": "uncertainty.judged_structure",
    "MCDropout": "sampling.mc_dropout",
    "Noise": "sampling.augmentations",
    "OneClass": "one_class",
    "Predictor": "sampling.predictor",
    "QualityGate": "quality_gate",
    "ReverseClassificationAccuracy": "reverse.accuracy",
    "Rotate90": "sampling.augmentations",
    "SamplingError": "errors",
    "SegqcError": "errors",
    "SinglePass": "sampling.single_pass",
    "StoredSamples": "sampling.stored_samples",
    "TamperedError": "errors",
    "TestTimeAugmentation": "sampling.tta",
    "UncertaintyAccumulator": "uncertainty.accumulator",
    "Verdict": "judged_model",
    "extract_features": "features.extract",
    "feature_correlations": "quality.correlation",
    "find_cases": "features.case_folders",
    "md_csf_reconstruction": "uncertainty.md_csf",
    "read_case_list": "features.case_list",
    "read_table": "features.table",
    "recalibrate": "recalibration",
    "rollback": "recalibration",
    "save_maps": "features.saved_maps",
    "status": "recalibration",
    "two_network_reliability": "uncertainty.two_network_reliability",
    "write_table": "features.table",
}

__all__ = [
    "Affine",
    "CalibratedGate",
    "CalibratedOneClass",
    "CalibrationError",
    "Case",
    "CaseFiles",
    "CaseLog",
    "DeepEnsemble",
    "DropWeights",
    "Evidential",
    "FeatureSchema",
    "FileFormatError",
    "Flip",
    "GeometryError",
    "IdentityError",
    "InputError",
    "Intensity",
    "JudgedModel",
    "JudgedStructure",
    "MCDropout",
    "Noise",
    "OneClass",
    "Predictor",
    "QualityGate",
    "ReverseClassificationAccuracy",
    "Rotate90",
    "SamplingError",
    "SegqcError",
    "SinglePass",
    "StoredSamples",
    "TamperedError",
    "TestTimeAugmentation",
    "UncertaintyAccumulator",
    "Verdict",
    "extract_features",
    "feature_correlations",
    "find_cases",
    "md_csf_reconstruction",
    "read_case_list",
    "read_table",
    "recalibrate",
    "rollback",
    "save_maps",
    "status",
    "two_network_reliability",
    "write_table",
]


def __getattr__(name: str) -> Any:
    # torch, monai and scikit-learn load where a name that needs them is first used
    if name not in _HOME:
        raise AttributeError(f"module 'segqc_conformal' has no attribute {name!r}")
    return getattr(import_module(f"segqc_conformal.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
