"""The first two examples of docs/quality_predictors.md; the others run in folders of their own."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

import segqc_conformal as sq

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "quality_predictors.md").read_text("utf-8")


def run_example(section: str, names: dict[str, object]) -> dict[str, object]:
    (block,) = re.findall(
        r"```python\n(.*?)```", PAGE.split(section)[1].split("\n## ")[0], re.DOTALL
    )
    exec(compile(block, "quality_predictors.md", "exec"), names)
    return names


def world(patients: int, seed: int) -> pd.DataFrame:
    """Dice depends on one of two features; HD95 falls with it."""
    rng = np.random.default_rng(seed)
    ease = rng.normal(size=patients)
    dice = 1.0 / (1.0 + np.exp(-1.5 - ease - rng.normal(0.0, 0.2, patients)))
    return pd.DataFrame(
        {
            "patient_id": [f"p{number:04d}" for number in range(patients)],
            "structure": "anterior",
            "feature_ease": ease,
            "feature_noise": rng.normal(size=patients),
            "dice": dice,
            "hd95": 20.0 * (1.0 - dice),
        }
    )


def test_regressors_of_the_page_keep_inside_their_supports() -> None:
    new = world(40, seed=1)
    names = run_example("## From features", {"table": world(60, seed=0), "new": new})
    dice, good = (np.asarray(names[name].predict(new)) for name in ("dice", "good"))  # type: ignore[attr-defined]
    assert np.corrcoef(dice, new["dice"])[0, 1] > 0.8
    assert good[new["dice"] > 0.8].mean() > good[new["dice"] <= 0.8].mean() + 0.3
    assert (names["hd95"].predict(new) > 0).all()  # type: ignore[attr-defined]


def labelled_case(number: int) -> sq.Case:
    """A ball in two halves, the harder to see the larger the noise."""
    rng = np.random.default_rng(number)
    grid = np.indices((12, 12, 12)) - rng.uniform(5.0, 6.0, (3, 1, 1, 1))
    ball = (grid**2).sum(axis=0) <= rng.uniform(9.0, 16.0)
    reference = np.where(ball, 1 + (grid[0] > 0), 0)
    image = reference + rng.normal(0.0, rng.uniform(0.1, 0.6), reference.shape)
    return sq.Case(image, f"c{number}", f"p{number:03d}", reference=reference)


def levels(batch):  # type: ignore[no-untyped-def]
    """A model: how near each voxel is to the intensity of each class."""
    return -6.0 * (batch - batch.new_tensor([0.0, 1.0, 2.0]).reshape(1, 3, 1, 1, 1)) ** 2


def test_the_net_of_the_page_adds_a_feature_that_a_gate_takes() -> None:
    labelled = [labelled_case(number) for number in range(60)]
    predictor, sampler = sq.Predictor(levels, model_id="levels"), sq.SinglePass()
    structures = {"anterior": 1, "posterior": 2}
    table = sq.extract_features(labelled, predictor, sampler, structures=structures, progress=False)
    fit_patients = [case.patient_id for case in labelled[:30]]
    given = {
        "labelled": labelled,
        "predictor": predictor,
        "sampler": sampler,
        "fit_patients": fit_patients,
        "table": table,
    }
    names = run_example("## From images", dict(given))
    made, gate = names["table"], names["gate"]
    assert made["feature_net_dice"].notna().all()  # type: ignore[index]
    assert set(made.loc[made["fit_patient"], "patient_id"]) == set(fit_patients)  # type: ignore[attr-defined]
    assert "feature_net_dice" in gate.quality.features  # type: ignore[attr-defined]
