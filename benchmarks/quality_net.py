"""A quality net on the hippocampus volumes: how long it trains, and what its feature is worth.

``python benchmarks/quality_net.py`` prints a table. Fitted nets and judged cases are kept in the
cache folder of `hippocampus_cases`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from hippocampus_cases import (
    STRUCTURES,
    LazyCases,
    cache_folder,
    held_out_patients,
    image_folders,
    members,
    pool_patients,
)

import segqc_conformal as sq
from segqc_conformal.features.extractor import FeatureExtractor
from segqc_conformal.quality.net import (
    QualityCase,
    QualityNet,
    judged_cases,
)
from segqc_conformal.replaced_file import replaced_at_once

MAPS = ("predictive_entropy",)
NET = QualityNet(STRUCTURES, inputs=("image", "mask", *MAPS))
VERSIONS = ("clean", "degraded")


class KeptCases:
    """Pairs of patient and version as quality cases, made once and kept as files."""

    def __init__(self, wanted: Sequence[tuple[str, str]]) -> None:
        self.wanted = list(wanted)

    def __len__(self) -> int:
        return len(self.wanted)

    def __iter__(self) -> Iterator[QualityCase]:
        missing = [pair for pair in self.wanted if not _file(*pair).exists()]
        if missing:
            _make(missing)
        for patient, version in self.wanted:
            yield _read(patient, version)


def _file(patient: str, version: str):
    return cache_folder() / "quality_cases" / f"{patient}-{version}.npz"


def _make(missing: Sequence[tuple[str, str]]) -> None:
    extractor = FeatureExtractor(None, sq.DeepEnsemble(members()), STRUCTURES)
    cases = judged_cases(LazyCases(missing, *image_folders()), extractor, MAPS)
    for pair, case in zip(missing, cases, strict=True):
        with replaced_at_once(_file(*pair)) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                image=case.image,
                mask=case.mask.astype(np.uint8),
                reference=case.reference.astype(np.uint8),
                spacing=case.spacing,
                **{name: values.astype(np.float16) for name, values in case.maps.items()},
            )


def _read(patient: str, version: str) -> QualityCase:
    with np.load(_file(patient, version)) as kept:
        return QualityCase(
            case_id=f"{patient}-{version}",
            patient_id=patient,
            image=kept["image"],
            mask=kept["mask"],
            reference=kept["reference"],
            spacing_mm=tuple(kept["spacing"].tolist()),
            maps={name: kept[name] for name in MAPS},
        )


def fit_patients() -> list[str]:
    """Return the 110 of the 220 held-out patients that fit, none of them a final-test patient."""
    images = image_folders()[0]
    held_out, pool = held_out_patients(images), pool_patients(images)
    return pool[: len(held_out) // 2]
