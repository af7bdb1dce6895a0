"""Quality cases that are judged once and kept as files, so that an interrupted run goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from segqc_conformal.quality.net import QualityCase
from segqc_conformal.replaced_file import replaced_at_once

MAPS = ("predictive_entropy",)
Pair = tuple[str, str]  # patient and version


class KeptCases:
    """Quality cases of pairs of patient and version; `judged` makes those that are not there."""

    def __init__(
        self,
        folder: Path,
        wanted: Sequence[Pair],
        judged: Callable[[Sequence[Pair]], Iterable[QualityCase]],
    ) -> None:
        self._folder, self._wanted = folder, list(wanted)
        missing = [pair for pair in self._wanted if not self._file(*pair).exists()]
        for pair, case in zip(missing, judged(missing), strict=True):
            self._keep(self._file(*pair), case)

    def __len__(self) -> int:
        return len(self._wanted)

    def __getitem__(self, place: int) -> QualityCase:
        patient, version = self._wanted[place]
        with np.load(self._file(patient, version)) as kept:
            return QualityCase(
                f"{patient}-{version}",
                patient,
                kept["image"],
                kept["mask"],
                reference=kept["reference"],
                spacing_mm=tuple(kept["spacing"].tolist()),
                maps={name: kept[name] for name in MAPS},
            )

    def __iter__(self) -> Iterator[QualityCase]:
        return (self[place] for place in range(len(self)))

    def _file(self, patient: str, version: str) -> Path:
        return self._folder / f"{patient}-{version}.npz"

    def _keep(self, file: Path, case: QualityCase) -> None:
        maps = {name: values.astype(np.float16) for name, values in case.maps.items()}
        assert case.mask is not None
        assert case.reference is not None
        labels = {"mask": case.mask.astype(np.uint8), "reference": case.reference.astype(np.uint8)}
        with replaced_at_once(file) as temporary, temporary.open("wb") as out:
            np.savez_compressed(out, image=case.image, spacing=case.spacing, **labels, **maps)
