"""Row 29 (Piccini et al. 2020): an expert's ordinal grade of the image, without any mask."""

from functools import cache

import numpy as np
from net_cases import discs, skill, tiny_net
from scipy.stats import spearmanr

from segqc_conformal.quality.net import FittedQualityNet, GradeHead, QualityCase

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
    return tiny_net(inputs=("image",), heads=(GradeHead(GRADES),)).fit(graded(120, 1, shuffled))


def expected(fitted: FittedQualityNet) -> tuple[np.ndarray, np.ndarray]:
    new = graded(60, 2)
    said = [fitted.predict(case).features["disc"]["grade"] for case in new]
    return np.array([case.grade for case in new]), np.array(said)


def test_row_29_the_grade_of_new_images_is_predicted_from_the_image_alone() -> None:
    truth, said = expected(net())
    assert spearmanr(truth, said).statistic > 0.85
    assert skill(truth, said) > 0.6
    assert np.abs(said.round() - truth).mean() < 0.5


def test_row_29_the_chance_to_reach_a_grade_never_rises_with_it() -> None:
    for case in graded(10, 3):
        _, inputs = net().items(case)
        logits = net().module(inputs.float())["grade"][0]
        assert (logits.diff() <= 0).all()


def test_row_29_grades_of_other_images_teach_nothing() -> None:
    truth, said = expected(net(shuffled=True))
    assert skill(truth, said) < 0.25
