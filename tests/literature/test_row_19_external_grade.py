"""Row 19 (Miller et al. 2023): does an expert's grade of a registration tell of the nuclei's Dice?

A grade can agree between raters and say nothing of Dice: that is found, said, and harms no promise.
"""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from literature_row import LiteratureRow
from sklearn.linear_model import Ridge

import segqc_conformal as sq
from segqc_conformal.calibrators.usefulness import usefulness
from segqc_conformal.dice import dice
from segqc_conformal.evaluation.grades import weighted_kappa

ROW = LiteratureRow(
    system="Visual quality control of a registration, for targets of deep brain stimulation",
    paper="Miller et al., 2023",
    signal="An external, ordinal grade of how well an image was registered.",
    names=(
        "calibrators.usefulness.usefulness",
        "evaluation.grades.weighted_kappa",
        "quality_gate.QualityGate",
    ),
    asserted="A grade of the whole registration, on which two raters agree, is found uninformative "
    "of the Dice of a small nucleus that slipped by itself; the gate says so and its intervals "
    "cover all the same. A grade of the slip itself is found informative, and shuffled it is not.",
    reconstruction="Patients are drawn: the registration as a whole is off by one distance, the "
    "nucleus by another, and raters grade a distance with errors of their own.",
    out_of_scope="The paper's registration workflows; a grade is taken as a feature column of the "
    "user's.",
)

PATIENTS = 120
LEAST = 0.83  # 0.9 less 1.5 standard errors, of 60 patients that calibrate and 120 new ones


@cache
def patients(number: int, seed: int) -> pd.DataFrame:
    """Return patients with grades of the whole, by two raters, and of the nucleus; and Dice."""
    rng = np.random.default_rng(seed)
    grid, rows = np.indices((24, 24)), []
    nucleus = ((grid - 11.5) ** 2).sum(axis=0) <= 5.0**2
    for patient in range(number):
        whole, slip = rng.uniform(0.0, 6.0), rng.integers(0, 6)
        carried = np.roll(nucleus, slip, axis=int(rng.integers(2)))
        raters = [_grade(distance, rng) for distance in (whole, whole, float(slip))]
        rows.append((f"p{seed}-{patient:03d}", dice(carried, nucleus), *raters))
    columns = ["patient_id", "dice", "grade_whole", "second_rater", "grade_nucleus"]
    return pd.DataFrame(rows, columns=columns)


def _grade(distance: float, rng: np.random.Generator) -> int:
    """Grade a distance from 0 (off by far) to 3 (right), as a rater sees it."""
    return int(np.clip(3 - (distance + rng.normal(0.0, 0.7)) // 1.5, 0, 3))


def table(grade: str, seed: int, shuffled: bool = False) -> pd.DataFrame:
    """Return a feature table whose only feature is a grade."""
    rows = patients(PATIENTS, seed)
    values = rows[grade].to_numpy(dtype=float)
    if shuffled:
        values = np.random.default_rng(0).permutation(values)
    return pd.DataFrame(
        {
            "case_id": "c" + rows["patient_id"],
            "patient_id": rows["patient_id"],
            "structure": "nucleus",
            "model_id": "registration",
            "sampler_id": "grade",
            "schema_version": "1",
            "judged": "deployed",
            "dice": rows["dice"],
            "feature_grade": values,
        }
    )


@cache
def gate(grade: str, shuffled: bool = False) -> sq.CalibratedGate:
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline

    seen = make_column_transformer(("passthrough", ["feature_grade"]))
    candidates = {"ridge": make_pipeline(seen, Ridge())}
    return sq.QualityGate().calibrate(table(grade, 1, shuffled), candidates=candidates)


def covered(of: sq.CalibratedGate, grade: str, share: float = 1.0) -> float:
    """Return the share of new patients whose Dice lies in its interval, or in the middle of it."""
    new = table(grade, 2)
    verdicts = of.judge(new.drop(columns="dice"))
    truth = new.set_index("case_id")["dice"].reindex(verdicts["case_id"]).to_numpy()
    middle = (verdicts["dice_high"] + verdicts["dice_low"]) / 2
    half = (verdicts["dice_high"] - verdicts["dice_low"]) / 2
    return float(((truth - middle).abs() <= share * half + 1e-12).mean())


def width(of: sq.CalibratedGate, grade: str) -> float:
    verdicts = of.judge(table(grade, 2).drop(columns="dice"))
    return float((verdicts["dice_high"] - verdicts["dice_low"]).mean())


def test_row_19_raters_agree_on_a_grade_that_says_nothing_of_dice() -> None:
    rows = patients(PATIENTS, 1)
    assert weighted_kappa(rows["grade_whole"], rows["second_rater"]) > 0.6
    found = usefulness(rows["grade_whole"], rows["dice"])
    assert not found.informative
    assert "does not rank masks better than chance" in found.in_words


def test_row_19_the_gate_says_not_informative_and_its_intervals_cover() -> None:
    of = gate("grade_whole")
    entry = of.certificate.structures["nucleus"]
    assert not entry.usefulness.informative
    assert "Uninformative" in entry.warning
    assert covered(of, "grade_whole") >= LEAST


def test_row_19_twin_narrower_intervals_around_an_uninformative_grade_do_not_cover() -> None:
    assert covered(gate("grade_whole"), "grade_whole", share=0.7) < LEAST


def test_row_19_twin_a_grade_of_the_nucleus_is_informative_and_shuffled_it_is_not() -> None:
    told, shuffled = gate("grade_nucleus"), gate("grade_nucleus", shuffled=True)
    assert told.certificate.structures["nucleus"].usefulness.informative
    assert told.certificate.structures["nucleus"].warning == ""
    assert not shuffled.certificate.structures["nucleus"].usefulness.informative
    assert width(told, "grade_nucleus") < 0.8 * width(gate("grade_whole"), "grade_whole")


@pytest.mark.parametrize("grade", ["grade_whole", "grade_nucleus"])
def test_row_19_a_grade_that_nobody_gave_refers_the_patient(grade: str) -> None:
    new = table(grade, 2).drop(columns="dice").iloc[:3]
    new.loc[0, "feature_grade"] = np.nan
    verdicts = gate(grade).judge(new)
    assert verdicts["reason"].iloc[0] == "input_error"
    assert (verdicts["reason"].iloc[1:] != "input_error").all()
