"""The hippocampus volumes of the Medical Segmentation Decathlon, five U-Nets, and their features.

Found by the environment variable ``SEGQC_DATA``: ``data/hippocampus`` (images, labels,
``split.json``) and ``models/hippocampus`` (m0.pt to m4.pt). Finished cases are kept in
``SEGQC_CACHE`` (default ``~/.cache/segqc-conformal``), so that an interrupted run goes on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from degradations import change_contrast, degrade
from monai.networks.nets.unet import UNet
from torch import Tensor

import segqc_conformal as sq
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.patients import stable_hash

STRUCTURES = {"anterior": 1, "posterior": 2}
VERSIONS = ("clean", "degraded", "changed")
GRID = (48, 64, 48)
DEGRADATION_SEED = 1


def data_folder() -> Path:
    """Return the folder that SEGQC_DATA names."""
    if not os.environ.get("SEGQC_DATA"):
        raise SystemExit("set SEGQC_DATA to the folder that holds models/hippocampus")
    return Path(os.environ["SEGQC_DATA"])


def cache_folder() -> Path:
    """Return where finished cases are kept, outside the repository."""
    default = Path.home() / ".cache" / "segqc-conformal"
    return Path(os.environ.get("SEGQC_CACHE") or default) / "hippocampus"


def held_out_patients() -> list[str]:
    """Return the 220 patients that no model was trained on, in the order of a hash."""
    split = json.loads((data_folder() / "data/hippocampus/split.json").read_text())
    numbers = [*split["pool"], *split["final_test"]]
    return sorted((f"hippocampus_{n}" for n in numbers), key=lambda name: stable_hash(0, name))


def load_case(patient: str, version: str, images: Path, labels: Path) -> sq.Case:
    """Read one volume, as it is ("clean"), "degraded", or with "changed" contrast."""
    name = f"{patient}.nii.gz"
    files = CaseFiles(f"{patient}-{version}", patient, "decathlon", images / name,
                      reference=labels / name)
    case = files.load()
    image = case.image.astype(np.float32)
    seed = stable_hash(DEGRADATION_SEED, files.case_id)
    if version == "degraded":
        image = degrade(image, seed)[0]
    elif version == "changed":
        image = change_contrast(image, seed)
    return replace(case, image=image)


def z_score_and_pad(image: Tensor) -> Tensor:
    """Scale to mean 0 and standard deviation 1, and pad with zeros to the network's grid."""
    scaled = (image - image.mean()) / image.std().clamp_min(1e-6)
    padding: list[int] = []
    for length, full in zip(image.shape[:0:-1], GRID[::-1], strict=True):
        before = (full - length) // 2
        padding += [before, full - length - before]
    return torch.nn.functional.pad(scaled, padding)


def crop_back(probabilities: Tensor, image: Tensor) -> Tensor:
    """Cut the image's own grid out of the network's."""
    starts = [(full - n) // 2 for n, full in zip(image.shape[1:], GRID, strict=True)]
    inside = [slice(a, a + n) for a, n in zip(starts, image.shape[1:], strict=True)]
    return probabilities[(slice(None), *inside)]


def members() -> list[sq.Predictor]:
    """Load the five trained U-Nets."""
    folder = data_folder() / "models/hippocampus"
    if not folder.is_dir():
        raise SystemExit(f"expected the weights m0.pt to m4.pt in {folder}: check SEGQC_DATA")
    return [_member(folder / f"m{i}.pt") for i in range(5)]


def _member(weights: Path) -> sq.Predictor:
    network = UNet(3, 1, 3, channels=(16, 32, 64, 128), strides=(2, 2, 2), num_res_units=1,
                   dropout=0.2)
    network.load_state_dict(torch.load(weights, weights_only=True))
    return sq.Predictor(network.eval(), preprocess=z_score_and_pad, invert=crop_back)


class LazyCases:
    """Cases read when their turn comes; one image is in memory at a time."""

    def __init__(self, patients: Sequence[str], versions: Sequence[str], images: Path,
                 labels: Path) -> None:
        self.wanted = [(patient, version) for patient in patients for version in versions]
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.wanted)

    def __iter__(self) -> Iterator[sq.Case]:
        for patient, version in self.wanted:
            yield load_case(patient, version, self.images, self.labels)


def features(patients: Sequence[str], versions: Sequence[str], progress: bool = True
             ) -> pd.DataFrame:
    """Extract the feature table, with the column ``version``, through the cache."""
    folder = data_folder() / "data/hippocampus"
    cases = LazyCases(patients, versions, folder / "images", folder / "labels")
    table = sq.extract_features(
        cases, None, sq.DeepEnsemble(members()), structures=STRUCTURES,
        resume_folder=cache_folder(), progress=progress,
    )
    return table.assign(version=table["case_id"].str.rsplit("-", n=1).str[1])


if __name__ == "__main__":
    torch.set_num_threads(1)
    import sys

    part, parts = int(sys.argv[1]), int(sys.argv[2])
    features(held_out_patients()[part::parts], sys.argv[3].split(","), progress=part == 0)
