"""The nuclei tiles of the Data Science Bowl 2018 and five U-Nets trained on fluorescence.

``SEGQC_DATA`` names the folder with ``data/nuclei/nuclei_256.npz`` and ``models/nuclei`` (dsb0.pt
to dsb4.pt). Each tile is cut from an image of its own and counts as a patient. Three versions of
cases: "clean" and "degraded" fluorescence, and "shifted": stained and bright-field tissue, which
the models have never seen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from degradations import degrade_tile
from monai.networks.nets.unet import UNet
from numpy.typing import NDArray
from torch import Tensor

import segqc_conformal as sq
from segqc_conformal.patients import stable_hash

STRUCTURES = {"nuclei": 1}
DEGRADATION_SEED = 2


def data_folder() -> Path:
    """Return the folder that SEGQC_DATA names."""
    folder = os.environ.get("SEGQC_DATA")
    if not folder or not (Path(folder) / "data/nuclei/nuclei_256.npz").is_file():
        raise SystemExit(
            "expected $SEGQC_DATA/data/nuclei/nuclei_256.npz and $SEGQC_DATA/models/nuclei; "
            f"received SEGQC_DATA={folder}; remedy: set SEGQC_DATA to the folder that holds them"
        )
    return Path(folder)


@cache
def tiles() -> dict[str, NDArray[Any]]:
    """Read all tiles: ``x`` (tiles, 256, 256, 3), ``y`` (tiles, 256, 256), ``domain``, ``name``."""
    with np.load(data_folder() / "data/nuclei/nuclei_256.npz") as file:
        return {key: file[key] for key in file.files}


@cache
def trained_on(count: int = 5) -> frozenset[int]:
    """Return the tiles that any of the members has seen: never calibrate or test on these."""
    return frozenset(i for number in range(count) for i in _checkpoint(number)["train_idx"])


def held_out_tiles(fluorescence: bool) -> list[int]:
    """Return the tiles to test on, in the order of a hash.

    Tiles without any nucleus are left out: their Dice is 0 or 1 whatever the mask looks like.
    """
    of_domain = (tiles()["domain"] == "fluorescence") == fluorescence
    with_nuclei = tiles()["y"].any(axis=(1, 2))
    usable = set(np.flatnonzero(of_domain & with_nuclei).tolist()) - trained_on()
    return sorted(usable, key=lambda i: stable_hash(0, str(tiles()["name"][i])))


def pool_tiles() -> list[int]:
    """Return the half of the fluorescence tiles by whose figures methods may be chosen."""
    held_out = held_out_tiles(fluorescence=True)
    return held_out[: len(held_out) // 2]


def final_tiles() -> list[int]:
    """Return the other half: for final figures only, never to choose by."""
    held_out = held_out_tiles(fluorescence=True)
    return held_out[len(held_out) // 2 :]


def wanted(version: str) -> list[tuple[int, str]]:
    """Pair the tiles of a version, "clean", "degraded" or "shifted", with its name."""
    return [(tile, version) for tile in held_out_tiles(fluorescence=version != "shifted")]


def tile_name(tile: int) -> str:
    """Return what a tile is called as a patient."""
    return str(tiles()["name"][tile])[:16]


def load_case(tile: int, version: str) -> sq.Case:
    """Read one tile as a case; "degraded" has one fault of microscopy, drawn by its name."""
    name = tile_name(tile)
    image = np.moveaxis(tiles()["x"][tile], -1, 0).astype(np.float32)
    if version == "degraded":
        image = degrade_tile(image, stable_hash(DEGRADATION_SEED, name))[0]
    return sq.Case(
        image,
        case_id=f"{name}-{version}",
        patient_id=name,
        site=str(tiles()["domain"][tile]),
        reference=(tiles()["y"][tile] > 0).astype(np.int64),
        spacing_mm=(1.0, 1.0),  # pixels: the size of one is not known
    )


def z_score(image: Tensor) -> Tensor:
    """Scale each channel of a tile to mean 0 and standard deviation 1."""
    mean, spread = image.mean((1, 2), keepdim=True), image.std((1, 2), keepdim=True, correction=0)
    return (image - mean) / (spread + 1e-3)


def members(count: int = 5) -> list[sq.Predictor]:
    """Load the trained U-Nets."""
    return [_member(number) for number in range(count)]


def _member(number: int) -> sq.Predictor:
    network = UNet(
        2, 3, 2, channels=(16, 32, 64, 128), strides=(2, 2, 2), num_res_units=1, dropout=0.2
    )
    network.load_state_dict(_checkpoint(number)["state"])
    return sq.Predictor(network.eval(), preprocess=z_score)


def _checkpoint(number: int) -> dict[str, Any]:
    return dict(torch.load(data_folder() / f"models/nuclei/dsb{number}.pt", weights_only=True))


class TileCases:
    """Pairs of tile and version as cases; one image is made at a time."""

    def __init__(self, wanted: Sequence[tuple[int, str]]) -> None:
        self.wanted = wanted

    def __len__(self) -> int:
        return len(self.wanted)

    def __iter__(self) -> Iterator[sq.Case]:
        for tile, version in self.wanted:
            yield load_case(tile, version)
