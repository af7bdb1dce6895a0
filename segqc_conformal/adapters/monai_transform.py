"""A MONAI dictionary transform that adds features and verdict to the data."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from monai.config.type_definitions import KeysCollection
from monai.data.meta_tensor import MetaTensor
from monai.transforms.transform import MapTransform
from torch import Tensor

from segqc_conformal.case import Case
from segqc_conformal.errors import InputError
from segqc_conformal.features.table import feature_columns
from segqc_conformal.judged_model import JudgedModel, Verdict

__all__ = ["JudgeSegmentationd"]

_OF_VERDICT = (
    "predicted_dice",
    "dice_low",
    "dice_high",
    "accept",
    "accept_score",
    "reason",
    "message",
)


class JudgeSegmentationd(MapTransform):
    """Judge the segmentation of each image and add what was found.

    Adds, for the key "image", ``"image_verdict"``: structure (and "whole_case" where there are
    several) -> `predicted_dice`, `dice_low`, `dice_high`, `accept`, `accept_score`, `reason`,
    `message`; and ``"image_features"``: structure -> feature -> number. Both are plain
    dictionaries of floats, booleans and strings.

    Parameters
    ----------
    keys : str or sequence of str
        Images, ``(channels, *spatial)``, as the judge's predictor takes them: prepared images
        need a predictor without ``preprocess``.
    judge : JudgedModel
    mask_key : str, optional
        Where the deployed mask of the image lies: labels ``(1, *spatial)``, or regions
        ``(regions, *spatial)`` of 0 and 1. None: the fused mask is judged.
    case_id_key, patient_id_key, site_key : str
        Where the ids lie. Without a case id the name of the image's file counts, as
        ``segqc extract`` takes it; without a patient id every case is a patient of its own.
    allow_missing_keys : bool
        As in MONAI.

    Raises
    ------
    InputError
        When used: if there is neither a case id nor the name of a file.

    Notes
    -----
    Spacing and affine are those of the MetaTensor: an image that was resampled is judged on its
    new grid, and volumes and distances in mm are true of both. A case that fails is referred with
    its reason, as by `JudgedModel`; the data goes on.
    Guarantee: that of the judge.
    """

    def __init__(
        self,
        keys: KeysCollection,
        judge: JudgedModel,
        mask_key: str | None = None,
        case_id_key: str = "case_id",
        patient_id_key: str = "patient_id",
        site_key: str = "site",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.judge = judge
        self.mask_key = mask_key
        self.case_id_key = case_id_key
        self.patient_id_key = patient_id_key
        self.site_key = site_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the data with verdict and features added; nothing else is changed."""
        return self.with_verdicts(data)[0]

    def with_verdicts(
        self, data: Mapping[Hashable, Any]
    ) -> tuple[dict[Hashable, Any], list[Verdict]]:
        """Return what a call returns, and the verdicts themselves, one for each key."""
        added, verdicts = dict(data), []
        for key in self.key_iterator(added):
            verdict = self.judge(self._case(data, key))
            added[f"{key}_verdict"] = _verdict_of_structures(verdict)
            added[f"{key}_features"] = _features_of_structures(verdict)
            verdicts.append(verdict)
        return added, verdicts

    def _case(self, data: Mapping[Hashable, Any], key: Hashable) -> Case:
        image = data[key]
        case_id = str(data.get(self.case_id_key) or _file_name(image, key))
        mask = None if self.mask_key is None else _array(data[self.mask_key])
        axes = image.ndim - 1
        meta = isinstance(image, MetaTensor)
        return Case(
            _array(image),
            case_id=case_id,
            patient_id=str(data.get(self.patient_id_key) or case_id),
            site=str(data.get(self.site_key) or "unknown"),
            mask=mask[0] if mask is not None and len(mask) == 1 else mask,
            spacing_mm=tuple(map(float, image.pixdim[:axes])) if meta else (1.0,) * axes,
            affine=_array(image.affine) if meta and axes == 3 else None,
        )


def _array(values: Any) -> np.ndarray[Any, Any]:
    plain = values.as_tensor() if isinstance(values, MetaTensor) else values
    return np.asarray(plain.detach().cpu() if isinstance(plain, Tensor) else plain)


def _file_name(image: Any, key: Hashable) -> str:
    name = image.meta.get("filename_or_obj") if isinstance(image, MetaTensor) else None
    if not name:
        raise InputError(
            f"a case id beside {key!r}, or an image that knows its file",
            "neither",
            "put it under case_id_key, for example data['case_id'] = 'c17'",
        )
    return Path(str(name)).name.removesuffix(".gz").removesuffix(".nii")


def _verdict_of_structures(verdict: Verdict) -> dict[str, dict[str, Any]]:
    rows = verdict.rows.to_dict("records")
    return {row["structure"]: {name: row[name] for name in _OF_VERDICT} for row in rows}


def _features_of_structures(verdict: Verdict) -> dict[str, dict[str, float]]:
    columns = feature_columns(verdict.features)
    return {
        row["structure"]: {name.removeprefix("feature_"): float(row[name]) for name in columns}
        for row in verdict.features.to_dict("records")
    }
