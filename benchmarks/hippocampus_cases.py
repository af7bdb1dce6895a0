"""The hippocampus volumes of the Medical Segmentation Decathlon, five U-Nets, and their features.

The environment variable ``SEGQC_DATA`` names a folder with ``models/hippocampus`` (m0.pt to m4.pt)
and ``data/hippocampus`` (images, labels; MONAI downloads them where they are missing). Finished
cases are kept in ``SEGQC_CACHE`` (default ``~/.cache/segqc-conformal``), so that an interrupted run
goes on.
"""

from __future__ import annotations

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
TRAINED_ON = """
001 011 034 042 057 067 105 108 114 123 126 127 154 160 165 166 174 194 195 203 210 212 216
222 245 250 261 265 299 308 314 335 343 349 351 359 361 363 367 389
""".split()  # cases that the five models have seen: never calibrate or test on these

FINAL_TEST = """
006 015 017 020 023 026 033 035 037 044 049 065 074 088 098 099 102 124 143 146 156 164 169 171
173 176 180 226 227 229 231 232 253 276 279 282 286 296 298 301 318 319 320 328 329 333 337 338
341 345 352 360 366 370 373 375 381 385 386 393
""".split()  # 60 of the other 220 cases: final figures may use them, choosing by them may not


def data_folder() -> Path:
    """Return the folder that SEGQC_DATA names."""
    folder = os.environ.get("SEGQC_DATA")
    if not folder or not (Path(folder) / "models/hippocampus/m0.pt").is_file():
        raise SystemExit(
            "expected the weights m0.pt to m4.pt in $SEGQC_DATA/models/hippocampus; received "
            f"SEGQC_DATA={folder}; remedy: set SEGQC_DATA to the folder that holds them"
        )
    return Path(folder)


def cache_folder() -> Path:
    """Return where finished cases are kept, outside the repository."""
    default = Path.home() / ".cache" / "segqc-conformal"
    return Path(os.environ.get("SEGQC_CACHE") or default) / "hippocampus"


def image_folders() -> tuple[Path, Path]:
    """Return the folders of images and labels; MONAI downloads them where SEGQC_DATA has none."""
    given = data_folder() / "data/hippocampus"
    if given.is_dir():
        return given / "images", given / "labels"
    from monai.apps.datasets import DecathlonDataset

    root = cache_folder()
    root.mkdir(parents=True, exist_ok=True)
    DecathlonDataset(root, "Task04_Hippocampus", "training", download=True, cache_rate=0.0)
    task = root / "Task04_Hippocampus"
    return task / "imagesTr", task / "labelsTr"


def held_out_patients(images: Path) -> list[str]:
    """Return the 220 patients that no model was trained on, in the order of a hash."""
    names = {file.name.split(".")[0] for file in images.glob("hippocampus_*.nii.gz")}
    trained_on = {f"hippocampus_{number}" for number in TRAINED_ON}
    return sorted(names - trained_on, key=lambda name: stable_hash(0, name))


def pool_patients(images: Path) -> list[str]:
    """Return the 160 held-out patients by whose figures features and methods may be chosen."""
    final = {f"hippocampus_{number}" for number in FINAL_TEST}
    return [patient for patient in held_out_patients(images) if patient not in final]


def load_case(patient: str, version: str, images: Path, labels: Path) -> sq.Case:
    """Read one volume, as it is ("clean"), "degraded", or with "changed" contrast."""
    name = f"{patient}.nii.gz"
    files = CaseFiles(
        f"{patient}-{version}", patient, "decathlon", images / name, reference=labels / name
    )
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


def members(count: int = 5) -> list[sq.Predictor]:
    """Load the trained U-Nets."""
    folder = data_folder() / "models/hippocampus"
    return [_member(folder / f"m{i}.pt") for i in range(count)]


def _member(weights: Path) -> sq.Predictor:
    network = UNet(
        3, 1, 3, channels=(16, 32, 64, 128), strides=(2, 2, 2), num_res_units=1, dropout=0.2
    )
    network.load_state_dict(torch.load(weights, weights_only=True))
    return sq.Predictor(network.eval(), preprocess=z_score_and_pad, invert=crop_back)


class LazyCases:
    """Pairs of patient and version as cases; one image is in memory at a time."""

    def __init__(self, wanted: Sequence[tuple[str, str]], images: Path, labels: Path) -> None:
        self.wanted, self.images, self.labels = wanted, images, labels

    def __len__(self) -> int:
        return len(self.wanted)

    def __iter__(self) -> Iterator[sq.Case]:
        for patient, version in self.wanted:
            yield load_case(patient, version, self.images, self.labels)


def features(
    wanted: Sequence[tuple[str, str]], ensemble: sq.DeepEnsemble, progress: bool = True
) -> pd.DataFrame:
    """Extract the feature table of pairs (patient, version), with a column ``version``."""
    table = sq.extract_features(
        LazyCases(wanted, *image_folders()),
        None,
        ensemble,
        structures=STRUCTURES,
        resume_folder=cache_folder() / "features",
        progress=progress,
    )
    return table.assign(version=table["case_id"].str.rsplit("-", n=1).str[1])
