"""The demo's cohort and models as files, laid out as a hospital's might be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.case import Case
from segqc_conformal.demo.cohort import cohort
from segqc_conformal.demo.ensemble import demo_predictors, z_score
from segqc_conformal.geometry import default_affine
from segqc_conformal.progress_bar import progress_bar
from segqc_conformal.sampling.predictor import Predictor

__all__ = ["write_demo_files"]


def write_demo_files(
    folder: str | Path,
    seed: int = 0,
    labelled: int = 80,
    new: int = 10,
    *,
    progress: bool = True,
) -> Path:
    """Write images, reference masks, probabilities and models to try commands and code on.

    Parameters
    ----------
    folder : path
        Made if it is not there; files of the same names are replaced.
    seed : int
        Of the cohort.
    labelled, new : int
        How many patients have reference masks, and how many come after them without.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    Path
        The folder: ``images``, ``references``, ``new_images`` (NIfTI, one file for each case),
        ``probabilities``, ``new_probabilities`` (``.npz``, one sample for each model),
        ``cases.csv``, ``new_cases.csv``, ``models`` (the ensemble, programs of torch.export) and
        ``network.pt`` (weights of its first member, for `demo_network`).

    Notes
    -----
    Guarantee: no case trained the models, and no patient is both labelled and new.
    """
    folder, members = Path(folder), demo_predictors()
    _write_models(folder, members)
    parts = {"": cohort(seed, labelled), "new_": cohort(seed, new, first=labelled)}
    cases = [(name, case) for name, part in parts.items() for case in part]
    with progress_bar(progress) as bar:
        for name, case in bar.track(cases, description="write"):
            _write_case(folder, name, case, members)
    for name in parts:
        rows = [
            (case.case_id, case.patient_id, case.site, case.time)
            for part, case in cases
            if part == name
        ]
        listed = pd.DataFrame(rows, columns=["case_id", "patient_id", "site", "time"])
        listed.to_csv(folder / f"{name}cases.csv", index=False)
    return folder


def _write_case(folder: Path, name: str, case: Case, members: list[Predictor]) -> None:
    affine = default_affine(case.spacing)
    volumes = [(f"{name}images", case.image)]
    if not name and case.reference is not None:
        volumes.append(("references", case.reference.astype(np.uint8)))
    for kind, volume in volumes:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        write_volume(folder / kind / f"{case.case_id}.nii.gz", volume, affine)
    samples = [member(case.channels_first()).numpy() for member in members]
    (folder / f"{name}probabilities").mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / f"{name}probabilities" / f"{case.case_id}.npz",
        probabilities=np.stack(samples).astype(np.float16),
        spacing_mm=case.spacing,
    )


class _Scaled(nn.Module):
    """A member with the scaling of intensities in it, as a file has to have it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Tensor) -> Tensor:
        return torch.as_tensor(self.network(torch.stack([z_score(image) for image in batch])))


def _write_models(folder: Path, members: list[Predictor]) -> None:
    (folder / "models").mkdir(parents=True, exist_ok=True)
    example = (torch.rand(1, 1, *next(iter(cohort(0, 1))).image.shape),)
    for number, member in enumerate(members):
        network = member.model
        assert isinstance(network, nn.Module)
        program = torch.export.export(_Scaled(network).eval(), example)
        torch.export.save(program, folder / "models" / f"member{number}.pt2")
    assert isinstance(members[0].model, nn.Module)
    torch.save(members[0].model.state_dict(), folder / "network.pt")
