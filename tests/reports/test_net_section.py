import sys
from dataclasses import replace
from pathlib import Path

import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.quality.net import CaseHead, GoodHead, grad_cam
from segqc_conformal.reports.net_section import net_section

sys.path.insert(0, str(Path(__file__).parents[1] / "literature"))
from net_cases import discs, tiny_net

CASES = discs(8, 2)


def test_the_section_has_every_case_as_a_point_and_the_worst_as_pictures() -> None:
    fitted = tiny_net(epochs=3).fit(discs(12, 1))
    section = net_section(fitted, CASES, "disc")
    said = {case.case_id: fitted.predict(case).features["disc"]["dice"] for case in CASES}
    assert section.body.count("data:image/png") == 3
    order = sorted(said, key=lambda case: said[case])
    assert all(f"{case}: predicted dice" in section.body for case in order[:3])
    assert f"{order[3]}: predicted dice" not in section.body
    assert all(case in section.body for case in said)


def test_of_a_distance_the_largest_are_the_worst() -> None:
    told = [
        replace(case, image=case.image[0], metrics={"hd95_mm": {"disc": 3.0}})
        for case in discs(12, 1)
    ]
    fitted = tiny_net(epochs=3, heads=(CaseHead("hd95_mm", bounded=False),)).fit(told)
    section = net_section(fitted, CASES, "disc")
    said = {case.case_id: fitted.predict(case).features["disc"]["hd95_mm"] for case in CASES}
    worst = max(said, key=lambda case: said[case])
    assert f"{worst}: predicted hd95_mm" in section.body


def test_a_net_without_a_case_head_is_refused() -> None:
    fitted = tiny_net(epochs=1, heads=(GoodHead(),)).fit(discs(6, 1))
    with pytest.raises(InputError, match="a net with a case head"):
        net_section(fitted, CASES, "disc")
    with pytest.raises(InputError, match="a net with a case head"):
        grad_cam(fitted, CASES[0], "disc")
