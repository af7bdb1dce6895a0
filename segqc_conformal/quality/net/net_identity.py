"""What a training is of: a hash of its settings and of every number it sees."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from segqc_conformal.canonical_json import canonical_json
from segqc_conformal.quality.net.net_settings import settings_as_dict
from segqc_conformal.quality.net.prepared import Prepared

if TYPE_CHECKING:
    from segqc_conformal.quality.net.quality_net import QualityNet

__all__ = ["training_identity"]


def training_identity(
    net: QualityNet, training: Sequence[Prepared], validation: Sequence[Prepared]
) -> str:
    """Return the SHA-256 of the settings and the prepared cases, as 64 hex digits."""
    digest = hashlib.sha256(canonical_json(settings_as_dict(net)).encode())
    for part in (training, validation):
        digest.update(b"part")
        for case in part:
            digest.update(case.case_id.encode())
            for tensor in (case.inputs, *case.targets.values()):
                digest.update(_bytes(tensor))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    return tensor.contiguous().numpy().tobytes()
