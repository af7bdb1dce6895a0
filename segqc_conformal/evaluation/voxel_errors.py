"""Right and wrong voxels by their uncertainty: histograms that add up over cases and machines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segqc_conformal.canonical_json import canonical_json
from segqc_conformal.errors import FileFormatError, GeometryError, InputError
from segqc_conformal.evaluation.probability_error import BINS
from segqc_conformal.replaced_file import replaced_at_once

__all__ = ["VoxelErrors", "read_voxel_errors", "write_voxel_errors"]

LEVELS = 4096  # bins of the uncertainty


class VoxelErrors:
    """Count voxels, case by case, without keeping or sorting any.

    Parameters
    ----------
    largest : float
        Largest value the uncertainty map can take: ``log(classes)`` for entropies and mutual
        information, 1 for shares.

    Attributes
    ----------
    right, wrong : ndarray of int64, shape (4096,)
        Voxels whose label is, or is not, that of the reference mask, by uncertainty.
    reliability : ndarray of float64, shape (2, 20, 3)
        Of all voxels, and of those where the mask or the reference mask has a structure: voxels,
        summed confidence and right voxels, by confidence.

    Notes
    -----
    Size and time do not depend on the number of cases; the state is whole numbers and sums, so
    parts counted on several machines add up to what one would have counted (`merged`).
    Guarantee: none.

    Examples
    --------
    >>> errors = VoxelErrors(largest=1.0)
    >>> errors.update(np.array([0.1, 0.9]), np.array([0.95, 0.55]), np.array([1, 1]),
    ...               np.array([1, 0]))
    >>> int(errors.right.sum()), int(errors.wrong.sum())
    (1, 1)
    """

    def __init__(self, largest: float) -> None:
        if not (np.isfinite(largest) and largest > 0.0):
            raise InputError("largest > 0", largest, "give log(classes) for an entropy")
        self.largest = float(largest)
        self.right = np.zeros(LEVELS, dtype=np.int64)
        self.wrong = np.zeros(LEVELS, dtype=np.int64)
        self.reliability = np.zeros((2, BINS, 3))

    def update(self, uncertainty: Any, confidence: Any, mask: Any, reference: Any) -> None:
        """Count the voxels of one case.

        Parameters
        ----------
        uncertainty : array or tensor of float, shape ``(*spatial)``
            Map in [0, `largest`].
        confidence : array or tensor of float, shape ``(*spatial)``
            Probability of the label given, in [0, 1].
        mask, reference : array or tensor of int or bool, shape ``(*spatial)``
            Labels given and true; 0 is the background.

        Raises
        ------
        GeometryError
            If the shapes differ.
        InputError
            For NaN or values out of range; nothing of the case is counted then.
        """
        import torch

        parts = [torch.as_tensor(part) for part in (uncertainty, confidence, mask, reference)]
        if len({tuple(part.shape) for part in parts}) > 1:
            shapes = [tuple(part.shape) for part in parts]
            raise GeometryError("four arrays of one shape", shapes, "bring them to one grid")
        device = parts[0].device
        u, p, given, true = (part.reshape(-1).to(device) for part in parts)
        level = _binned(u, self.largest, LEVELS, "uncertainty")
        place = _binned(p, 1.0, BINS, "confidence")
        right = given == true
        counts = torch.bincount(level + LEVELS * right, minlength=2 * LEVELS).cpu().numpy()
        structure = (given != 0) | (true != 0)
        self.wrong += counts[:LEVELS]
        self.right += counts[LEVELS:]
        for which, chosen in enumerate((torch.ones_like(structure), structure)):
            of_these = place[chosen]
            for column, weights in enumerate((None, p[chosen].double(), right[chosen].double())):
                sums = torch.bincount(of_these, weights, minlength=BINS)
                self.reliability[which, :, column] += sums.cpu().numpy()

    def merged(self, other: VoxelErrors) -> VoxelErrors:
        """Return what one count of the voxels of both would have been.

        Raises
        ------
        InputError
            If the two have different `largest` values.
        """
        if other.largest != self.largest:
            raise InputError(
                f"counts with largest = {self.largest:g}", other.largest, "count both alike"
            )
        out = VoxelErrors(self.largest)
        out.right, out.wrong = self.right + other.right, self.wrong + other.wrong
        out.reliability = self.reliability + other.reliability
        return out

    def as_dict(self) -> dict[str, Any]:
        """Return the whole state as JSON values."""
        return {
            "largest": self.largest,
            "right": self.right.tolist(),
            "wrong": self.wrong.tolist(),
            "reliability": self.reliability.tolist(),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> VoxelErrors:
        """Read what `as_dict` gave.

        Raises
        ------
        FileFormatError
            For anything else.
        """
        try:
            out = cls(float(fields["largest"]))
            right, wrong = (np.asarray(fields[name], np.int64) for name in ("right", "wrong"))
            reliability = np.asarray(fields["reliability"], dtype=np.float64)
        except (KeyError, TypeError, ValueError, OverflowError) as fault:
            raise FileFormatError(
                "counts of VoxelErrors", repr(fault), "write them again"
            ) from None
        shapes = (right.shape, wrong.shape, reliability.shape)
        if shapes != (out.right.shape, out.wrong.shape, out.reliability.shape):
            raise FileFormatError("counts of VoxelErrors", f"shapes {shapes}", "write them again")
        out.right, out.wrong, out.reliability = right, wrong, reliability
        return out


def _binned(values: Any, largest: float, bins: int, name: str) -> Any:
    values = values.float()
    if values.numel() and not bool(((values >= 0.0) & (values <= largest * (1 + 1e-6))).all()):
        raise InputError(
            f"{name} in [0, {largest:g}]", "NaN or values outside", "check map and `largest`"
        )
    return (values * (bins / largest)).long().clamp_max(bins - 1)


def write_voxel_errors(path: str | Path, signals: Mapping[str, VoxelErrors]) -> Path:
    """Write the counts of several uncertainty maps, by name, as the ``--voxels`` JSON file.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "voxels.json"
    >>> list(read_voxel_errors(write_voxel_errors(path, {"entropy": VoxelErrors(0.7)})))
    ['entropy']
    """
    path = Path(path)
    text = canonical_json({name: errors.as_dict() for name, errors in signals.items()})
    with replaced_at_once(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))
    return path


def read_voxel_errors(path: str | Path) -> dict[str, VoxelErrors]:
    """Read what `write_voxel_errors` wrote.

    Raises
    ------
    FileFormatError
        For a file that is missing or anything else.
    """
    try:
        found = json.loads(Path(path).read_text("utf-8"))
        signals = {str(name): VoxelErrors.from_dict(fields) for name, fields in found.items()}
    except (OSError, ValueError, AttributeError) as fault:
        raise FileFormatError(
            "a JSON file of `write_voxel_errors`", f"{path}: {fault}", "write it again"
        ) from None
    return signals
