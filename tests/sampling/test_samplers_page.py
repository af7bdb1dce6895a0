"""The tables of docs/samplers.md, cell by cell, by running what they speak of."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from segqc_conformal import errors
from segqc_conformal.adapters.monai_bundle import load_bundle
from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.errors import SamplingError
from segqc_conformal.features.programs import load_program
from segqc_conformal.sampling.augmentations import Affine, Flip, Noise
from segqc_conformal.sampling.deep_ensemble import DeepEnsemble
from segqc_conformal.sampling.drop_weights import DropWeights
from segqc_conformal.sampling.evidential import Evidential
from segqc_conformal.sampling.mc_dropout import MCDropout
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.sampler import Sampler
from segqc_conformal.sampling.single_pass import SinglePass
from segqc_conformal.sampling.stored_samples import StoredSamples
from segqc_conformal.sampling.tta import TestTimeAugmentation

sys.path.insert(0, str(Path(__file__).parents[1] / "adapters"))

from deployed_models import write_exported, write_onnx, write_torchscript

PAGE = Path(__file__).parents[2] / "docs" / "samplers.md"
GRID = (8, 8)
IMAGE = np.random.default_rng(0).normal(size=(1, *GRID)).astype(np.float32)


def table(first_column: str) -> list[list[str]]:
    rows = [
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in PAGE.read_text().splitlines()
        if line.startswith("|")
    ]
    start = next(number for number, row in enumerate(rows) if row[0] == first_column)
    width = len(rows[start])
    kept = []
    for row in rows[start:]:
        if len(row) != width:
            break
        kept.append(row)
    return [kept[0], *kept[2:]]


def module(dropout: float, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    layers = [nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Dropout(dropout), nn.Conv2d(4, 3, 1)]
    return nn.Sequential(*(layers if dropout else [*layers[:2], layers[3]])).eval()


def exported(folder: Path, seed: int) -> nn.Module:
    write_exported(module(0.3, seed), folder / f"{seed}.pt2", (8, 8))
    return load_program(folder / f"{seed}.pt2")


def scripted(folder: Path, seed: int) -> nn.Module:
    write_torchscript(module(0.3, seed), folder / f"{seed}.ts", (8, 8))
    return load_program(folder / f"{seed}.ts")


def onnx(folder: Path, seed: int) -> nn.Module:
    write_onnx(module(0.3, seed), folder / f"{seed}.onnx", (8, 8))
    return load_program(folder / f"{seed}.onnx")


def of_bundle(folder: Path, seed: int) -> object:
    bundle = folder / f"bundle{seed}"
    for part in ("configs", "models"):
        (bundle / part).mkdir(parents=True)
    conv = "torch.nn.Conv2d"
    layers = [
        {"_target_": conv, "in_channels": 1, "out_channels": 4, "kernel_size": 3, "padding": 1},
        {"_target_": "torch.nn.ReLU"},
        {"_target_": "torch.nn.Dropout", "p": 0.3},
        {"_target_": conv, "in_channels": 4, "out_channels": 3, "kernel_size": 1},
    ]
    config = {"layers": layers, "network_def": "$torch.nn.Sequential(*@layers)"}
    (bundle / "configs" / "metadata.json").write_text("{}")
    (bundle / "configs" / "inference.json").write_text(json.dumps(config))
    torch.save(module(0.3, seed).state_dict(), bundle / "models" / "model.pt")
    return load_bundle(bundle, trust_config=True).model


KINDS: dict[str, Callable[[Path, int], object]] = {
    "module with dropout": lambda folder, seed: module(0.3, seed),
    "module without": lambda folder, seed: module(0.0, seed),
    "MONAI bundle": of_bundle,
    "plain callable": lambda folder, seed: module(0.3, seed).forward,
    "exported program (`.pt2`)": exported,
    "TorchScript": scripted,
    "ONNX": onnx,
}
FILES = ("saved files", "nnU-Net files")


def sampler_of(row: str, members: list[Predictor], files: dict[str, list[Path]]) -> Sampler:
    made: dict[str, Callable[[], Sampler]] = {
        "SinglePass": SinglePass,
        "MCDropout": lambda: MCDropout(samples=4),
        "DropWeights": lambda: DropWeights(rates=(0.1, 0.3), samples=4),
        "DeepEnsemble": lambda: DeepEnsemble(members or list(files)),
        "TestTimeAugmentation": lambda: TestTimeAugmentation(
            [Flip((0,)), Affine(), Noise()],
            SinglePass() if members else StoredSamples(files, model_id="m"),
        ),
        "Evidential": Evidential,
        "StoredSamples": lambda: StoredSamples(files, model_id="m"),
    }
    return made[row.strip("`").split("(")[0]]()


PASSES = {
    "1": 1,
    "`samples`": 4,
    "members": 2,
    "(augmentations + 1) × those of `inner`": 4,
    "0": 0,
}
HEADER, *ROWS = table("sampler")
CELLS = [
    pytest.param(row[0], kind, cell, row[-1], id=f"{row[0].strip('`').split('(')[0]}-{kind}")
    for row in ROWS
    for kind, cell in zip(HEADER[1:-1], row[1:-1], strict=True)
]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs")
    return {kind: [make(folder, seed) for seed in (0, 1)] for kind, make in KINDS.items()}


@pytest.fixture
def files(tmp_path, kind) -> dict[str, list[Path]]:
    if kind != "nnU-Net files":
        np.save(tmp_path / "c17.npy", np.full((2, 3, *GRID), 1 / 3, np.float32))
        return {"c17": [tmp_path / "c17.npy"]}
    for fold in ("fold_0", "fold_1"):
        (tmp_path / fold).mkdir()
        (tmp_path / fold / "plans.json").write_text('{"image_reader_writer": "SimpleITKIO"}')
        (tmp_path / fold / "dataset.json").write_text('{"file_ending": ".nii.gz"}')
        thick = np.full((3, 2, *GRID), 1 / 3, np.float32)  # (classes, z, y, x)
        np.savez(tmp_path / fold / "c17.npz", probabilities=thick)
        write_volume(tmp_path / fold / "c17.nii.gz", np.zeros((*GRID, 2), np.uint8), np.eye(4))
    return {"c17": [tmp_path / fold / "c17.npz" for fold in ("fold_0", "fold_1")]}


def test_every_sampler_and_kind_of_model_has_its_cell():
    assert HEADER[1:-1] == [*KINDS, *FILES]
    assert [row[0].strip("`").split("(")[0] for row in ROWS] == [
        "SinglePass",
        "MCDropout",
        "DropWeights",
        "DeepEnsemble",
        "TestTimeAugmentation",
        "Evidential",
        "StoredSamples",
    ]


@pytest.mark.parametrize(("row", "kind", "cell", "cost"), CELLS)
def test_a_cell_says_what_really_happens(row, kind, cell, cost, models, files):
    passes = []

    def counting(batch, network):
        passes.append(len(batch))
        return network(batch)

    def run(activation: str) -> list[torch.Tensor]:
        passes.clear()
        members = [
            Predictor(model, activation, inferer=counting, model_id=str(number))
            for number, model in enumerate(models.get(kind, []))
        ]
        sampler = sampler_of(row, members, files)
        brings_its_own = isinstance(sampler, DeepEnsemble) or not members
        predictor = None if brings_its_own else members[0]
        sampler.model_id(predictor)
        return list(sampler(predictor, image, case_id="c17"))

    image = np.stack([IMAGE] * 2, axis=-1) if kind == "nnU-Net files" else IMAGE
    grid = image.shape[1:]
    if cell == "no":
        for activation in ("softmax", "softplus"):
            with pytest.raises(SamplingError, match="remedy: "):
                run(activation)
        return
    if cell == "if evidential":
        with pytest.raises(SamplingError, match="remedy: "):
            run("softmax")
    else:
        assert cell == "yes"
        assert all(sample.shape == (3, *grid) for sample in run("softmax"))
    samples = run("softplus")
    assert samples
    assert all(sample.shape == (3, *grid) for sample in samples)
    assert sum(passes) == PASSES[cost]


def dead_dropout() -> nn.Module:
    class Dead(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kept, self.dropped = module(0.0), nn.Dropout()

        def forward(self, batch):
            self.dropped(batch)
            return self.kept(batch)

    return Dead()


def unnormalised() -> nn.Module:
    return nn.Sequential(module(0.3), nn.BatchNorm2d(3, track_running_stats=False))


def run(sampler: Sampler, model: object = None, activation: str = "softmax", image=IMAGE) -> None:
    predictor = None if model is None else Predictor(model, activation, model_id="m")
    list(sampler(predictor, image, case_id="c17"))


def saved(folder: Path, array: np.ndarray, channels: str = "exclusive") -> None:
    np.save(folder / "c17.npy", array.astype(np.float32))
    run(StoredSamples({"c17": folder / "c17.npy"}, model_id="m", channels=channels))


def damaged(folder: Path) -> None:
    (folder / "c17.npy").write_bytes(b"\x07" * 99)
    run(StoredSamples({"c17": folder / "c17.npy"}, model_id="m"))


REFUSED: dict[str, list[Callable[[Path], object]]] = {
    "dropout that does not reach the output": [lambda _: run(MCDropout(2), dead_dropout())],
    "a batch of passes through batch normalisation without running statistics": [
        lambda _: run(MCDropout(2, batch=2), unnormalised())
    ],
    "dropping weights that are computed (weight norm, spectral norm, pruning)": [
        lambda _: run(DropWeights(), parametrizations.weight_norm(nn.Linear(8, 8))),
        lambda _: run(DropWeights(), parametrizations.spectral_norm(nn.Linear(8, 8))),
        lambda _: run(DropWeights(), prune.l1_unstructured(nn.Linear(8, 8), "weight", 0.5)),
    ],
    "dropping weights of a parallel, compiled, scripted or exported part": [
        lambda _: run(DropWeights(), nn.DataParallel(module(0.3))),
        lambda _: run(DropWeights(), torch.compile(module(0.3), backend="eager")),
        lambda folder: run(DropWeights(), nn.Sequential(scripted(folder, 0), nn.Conv2d(3, 3, 1))),
        lambda folder: run(DropWeights(), nn.Sequential(exported(folder, 0), nn.Conv2d(3, 3, 1))),
    ],
    "an ensemble of one, or of the same weights twice": [
        lambda _: DeepEnsemble([Predictor(module(0.3))]),
        lambda _: DeepEnsemble([Predictor(module(0.3)), Predictor(module(0.3))]),
    ],
    "an ensemble whose members' channels differ in meaning": [
        lambda _: DeepEnsemble([Predictor(module(0.3)), Predictor(module(0.3, 1), "sigmoid")])
    ],
    "augmentation of stored samples or of evidence": [
        lambda _: TestTimeAugmentation(inner=StoredSamples({}, model_id="m")),
        lambda _: run(TestTimeAugmentation(inner=Evidential()), module(0.3), "softplus"),
    ],
    "evidence of a model that has none": [lambda _: run(Evidential(), module(0.3))],
    "a missing predictor, or one too many": [
        lambda _: run(SinglePass()),
        lambda _: run(StoredSamples({}, model_id="m"), module(0.3)),
    ],
    "an affine augmentation outside 2-D and 3-D": [
        lambda _: run(
            TestTimeAugmentation([Affine()]), nn.Conv1d(1, 2, 1), image=np.ones((1, 8), np.float32)
        )
    ],
    "probabilities that do not sum to 1, unless overlapping": [
        lambda folder: saved(folder, np.full((1, 2, 8, 8), 0.9)),
        lambda _: run(SinglePass(), lambda batch: torch.full((1, 2, 8, 8), 0.9), "none"),
    ],
    "evidence that is negative, NaN or infinite": [
        lambda folder, value=value: saved(folder, np.full((1, 2, 8, 8), value), "evidence")
        for value in (-1.0, np.nan, np.inf)
    ],
    "a case without stored samples": [lambda _: run(StoredSamples({}, model_id="m"))],
    "samples that are not on the image's grid": [
        lambda folder: saved(folder, np.full((1, 2, 4, 4), 0.5)),
        lambda _: run(SinglePass(), lambda batch: batch.repeat(1, 2, 2, 1)),
    ],
    "a damaged file of samples": [damaged],
}


def test_every_refusal_is_tested():
    assert [row[0] for row in table("refused")[1:]] == list(REFUSED)


@pytest.mark.parametrize(("refused", "error"), table("refused")[1:])
def test_a_refusal_raises_the_error_named(refused, error, tmp_path):
    for provoke in REFUSED[refused]:
        with pytest.raises(errors.SegqcError) as raised:
            provoke(tmp_path)
        assert type(raised.value).__name__ == error.strip("`")
