"""Settings of a net as JSON holds them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from segqc_conformal.quality.net.case_head import CaseHead
from segqc_conformal.quality.net.good_head import GoodHead
from segqc_conformal.quality.net.grade_head import GradeHead
from segqc_conformal.quality.net.patch_head import PatchHead
from segqc_conformal.quality.net.slice_head import SliceHead
from segqc_conformal.quality.net.voxel_head import VoxelHead

if TYPE_CHECKING:
    from segqc_conformal.quality.net.quality_net import QualityNet

__all__ = ["settings_as_dict", "settings_from_dict"]

HEADS: dict[str, Any] = {
    "case": CaseHead,
    "good": GoodHead,
    "grade": GradeHead,
    "patch": PatchHead,
    "slice": SliceHead,
    "voxel": VoxelHead,
}


def settings_as_dict(net: QualityNet) -> dict[str, Any]:
    """Return the settings; structures and heads as lists, because their order counts."""
    plain = {one.name: getattr(net, one.name) for one in fields(net)}
    plain |= {name: list(plain[name]) for name in ("inputs", "grid", "channels")}
    heads = [[head.kind, asdict(head)] for head in net.heads]  # type: ignore[call-overload]
    return {**plain, "structures": [list(pair) for pair in net.structures.items()], "heads": heads}


def settings_from_dict(settings: Mapping[str, Any]) -> QualityNet:
    """Make the settings written by `settings_as_dict`."""
    from segqc_conformal.quality.net.quality_net import QualityNet

    heads = tuple(HEADS[kind](**own) for kind, own in settings["heads"])
    structures = dict(settings["structures"])
    return QualityNet(**{**settings, "structures": structures, "heads": heads})
