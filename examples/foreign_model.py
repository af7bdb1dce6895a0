"""A model that nobody here wrote, in the shape it is deployed in: deepbet, from PyPI.

deepbet finds the brain in T1-weighted MRI: a network for the box around it, then one for the brain
itself, both TorchScript inside its wheel. Neither has dropout that could be switched on, so that
its samples come from test-time augmentation. The image is nilearn's MNI152 template, the reference
mask nilearn's threshold of it: good enough to walk through, and no expert drew it.

One template is one patient, and a warped copy of it is the same patient. Of one patient nothing can
be certified, and that is what the verdict says.

    pip install 'segqc-conformal[examples]'
    python examples/foreign_model.py            # a few minutes on 2 cores
    python examples/foreign_model.py --quick    # coarser grids, 2 samples a case

Nothing is downloaded: weights and template come with the two packages.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import segqc_conformal as sq
from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.doctor.diagnosis import diagnose
from segqc_conformal.doctor.finding import Finding
from segqc_conformal.doctor.subjects import Subjects

STRUCTURES = {"brain": 1}
PATIENT = "mni152"
LEFT_RIGHT = sq.Flip((0,))


class Sizes(NamedTuple):
    """The template's voxels, the grids on which deepbet finds box and brain, the augmentations."""

    voxel_mm: int = 1
    box: int = 128
    brain: int = 256
    augmentations: Sequence[Any] = (
        LEFT_RIGHT,
        sq.Noise(),
        sq.Intensity(),
        sq.Affine(),
    )


QUICK = Sizes(voxel_mm=2, box=64, brain=128, augmentations=(LEFT_RIGHT,))


class DeepBet(torch.nn.Module):
    """deepbet as it is, seen as one module: its two networks name it, its own code runs it."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        from deepbet import BrainExtraction

        self.extraction = BrainExtraction(no_gpu=True)
        self.networks = torch.nn.ModuleList([self.extraction.bbox_model, self.extraction.model])
        self.grids = {"small_shape": (sizes.box,) * 3, "shape": (sizes.brain,) * 3}

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Give the probabilities of background and brain on the grid of the image."""
        found = [self.extraction.run_model(image[0].numpy(), **self.grids) for image in batch]
        brain = torch.from_numpy(np.stack(found))
        return torch.stack([1 - brain, brain], dim=1)


def write_cases(folder: Path, voxel_mm: int) -> list[sq.CaseFiles]:
    """Write the template and a warped copy of it, each with its reference mask."""
    from nilearn.datasets import load_mni152_brain_mask, load_mni152_template
    from scipy.ndimage import affine_transform

    template, brain = load_mni152_template(voxel_mm), load_mni152_brain_mask(voxel_mm)
    image, mask = template.get_fdata(dtype=np.float32), np.asarray(brain.dataobj)
    warp = np.diag([1.05, 0.97, 1.02])
    warped = affine_transform(image, warp, order=1), affine_transform(mask, warp, order=0)
    cases = []
    for part in ("images", "references"):
        (folder / part).mkdir(parents=True)
    for case_id, pair in (("mni152", (image, mask)), ("mni152-warped", warped)):
        paths = [folder / part / f"{case_id}.nii.gz" for part in ("images", "references")]
        for path, array in zip(paths, pair, strict=True):
            write_volume(path, array, template.affine)
        cases.append(sq.CaseFiles(case_id, PATIENT, "nilearn", paths[0], reference=paths[1]))
    return cases


def show_doctor(findings: Sequence[Finding]) -> None:
    """Print what is not in order, and how much was looked at."""
    for finding in findings:
        if finding.level != "ok" or finding.subject in ("model", "cases", "voxel size"):
            print(f"  {finding.level}: {finding.subject}: {finding.message}")
    print(f"  {len(findings)} things looked at")


def walk(sizes: Sizes, out: Path) -> None:
    """Check model and images, draw samples, calibrate on one patient, judge."""
    cases = write_cases(out, sizes.voxel_mm)
    model = DeepBet(sizes)
    print("segqc doctor")
    subjects = Subjects(
        folder=out / "images",
        references=out / "references",
        structures=STRUCTURES,
        models=(model,),
        activation="none",
    )
    show_doctor(diagnose(subjects))

    predictor = sq.Predictor(model, activation="none")
    sampler = sq.TestTimeAugmentation(sizes.augmentations)
    table = sq.extract_features(cases, predictor, sampler, structures=STRUCTURES)
    sq.write_table(table, out / "features.parquet")
    columns = ["case_id", "dice", "feature_pairwise_dice", "feature_volume_ml"]
    print(f"\nfeatures of {predictor.model_id}\n{table[columns].to_string(index=False)}")

    gate = sq.QualityGate().calibrate(table)
    print(f"\n{len(table)} cases, {table['patient_id'].nunique()} patient")
    for row in gate.judge(table).itertuples():
        print(f"{row.case_id}: {row.reason}, Dice in [{row.dice_low:.0f}, {row.dice_high:.0f}]")
        print(f"  {row.message}")


def main() -> None:
    """Read the options and walk."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("foreign-model-results"))
    parser.add_argument("--quick", action="store_true", help="at most 20 s on 2 cores")
    options = parser.parse_args()
    missing = [name for name in ("deepbet", "nilearn") if find_spec(name) is None]
    if missing:
        parser.error(f"{', '.join(missing)} missing: pip install 'segqc-conformal[examples]'")
    if (options.out / "images").exists():
        parser.error(f"{options.out} holds an earlier run: name another folder with --out")
    walk(QUICK if options.quick else Sizes(), options.out)


if __name__ == "__main__":
    main()
