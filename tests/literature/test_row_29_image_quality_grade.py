"""Row 29 (Piccini et al. 2020): an expert's ordinal grade of the image, without any mask."""

from functools import cache

import numpy as np
from literature_row import LiteratureRow
from net_cases import discs, skill, tiny_net
from scipy.stats import spearmanr

from segqc_conformal.evaluation.grades import krippendorff_alpha, weighted_kappa
from segqc_conformal.monitors import ExchangeabilityWatch
from segqc_conformal.quality.net import FittedQualityNet, GradeHead, QualityCase

ROW = LiteratureRow(
    system="IQ-DCNN",
    paper="Piccini et al. (2020)",
    signal="an expert's ordinal grade of the image, without any mask",
    names=(
        "quality.net.QualityNet",
        "quality.net.GradeHead",
        "evaluation.grades.weighted_kappa",
        "evaluation.grades.krippendorff_alpha",
        "monitors.ExchangeabilityWatch",
    ),
    asserted="grades of new images are predicted (R2, weighted kappa, Krippendorff's alpha), the "
    "chance to reach a grade never rises with it, and predicted grades of worse images alarm a "
    "drift watch",
    out_of_scope="steering an iterative reconstruction: the grade is given, what acts on it is "
    "not.",
)

GRADES = 4
NOISE = (1.0, 0.6, 0.3, 0.1)  # of grade 0, the worst, to 3


def graded(number: int, seed: int, shuffled: bool = False) -> list[QualityCase]:
    """Images without masks; shuffled: with the grades of others."""
    grades = np.random.default_rng(seed).integers(0, GRADES, number)
    told = np.random.default_rng(0).permutation(grades) if shuffled else grades
    noisy = [discs(1, 1000 * seed + place, NOISE[grade])[0] for place, grade in enumerate(grades)]
    return [
        QualityCase(case.case_id, case.patient_id, case.image[0], grade=int(grade))
        for case, grade in zip(noisy, told, strict=True)
    ]


@cache
def net(shuffled: bool = False) -> FittedQualityNet:
    return tiny_net(inputs=("image",), heads=(GradeHead(GRADES),), epochs=16).fit(
        graded(90, 1, shuffled)
    )


def expected(fitted: FittedQualityNet) -> tuple[np.ndarray, np.ndarray]:
    new = graded(60, 2)
    said = [fitted.predict(case).features["disc"]["grade"] for case in new]
    return np.array([case.grade for case in new]), np.array(said)


def test_row_29_the_grade_of_new_images_is_predicted_from_the_image_alone() -> None:
    truth, said = expected(net())
    assert spearmanr(truth, said).statistic > 0.85
    assert skill(truth, said) > 0.6
    assert np.abs(said.round() - truth).mean() < 0.5
    assert weighted_kappa(said.round(), truth) > 0.7
    assert krippendorff_alpha(said.round(), truth) > 0.7


def test_row_29_the_chance_to_reach_a_grade_never_rises_with_it() -> None:
    for case in graded(10, 3):
        _, inputs = net().items(case)
        logits = net().module(inputs.float())["grade"][0]
        assert (logits.diff() <= 0).all()


def test_row_29_twin_grades_of_other_images_teach_nothing() -> None:
    truth, said = expected(net(shuffled=True))
    assert skill(truth, said) < 0.25
    assert weighted_kappa(said.round(), truth) < 0.4


def alarms(worst: int, shuffled: bool = False) -> bool:
    """Say whether a watch on predicted grades alarms over 60 images, none better than `worst`."""
    rng = np.random.default_rng(5)
    truth, said = expected(net(shuffled))
    watch = ExchangeabilityWatch(horizon=1_000, seed=0)
    watch.start(rng.permutation(said))
    like = said[truth <= worst]
    states = [watch.update(value, case_id=f"c{k}") for k, value in enumerate(rng.choice(like, 60))]
    return any(state.alarm for state in states)


def test_row_29_predicted_grades_of_worse_images_alarm_a_drift_watch() -> None:
    assert alarms(worst=1)
    assert not alarms(worst=GRADES)


def test_row_29_twin_grades_of_a_net_taught_by_others_do_not() -> None:
    assert not alarms(worst=1, shuffled=True)
