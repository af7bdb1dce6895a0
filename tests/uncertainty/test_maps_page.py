import re
from pathlib import Path

from segqc_conformal.uncertainty.dirichlet import DIRICHLET_MAPS
from segqc_conformal.uncertainty.maps import MAPS

PAGE = Path(__file__).parents[2] / "docs" / "maps.md"


def rows() -> dict[str, str]:
    """Name of each map on the page -> its buffers."""
    table = [line.split("|") for line in PAGE.read_text(encoding="utf-8").splitlines()]
    named = [(re.findall(r"`(\w+)`", cells[1]), cells[3]) for cells in table if len(cells) == 5]
    return {name: buffers for names, buffers in named for name in names}


def test_the_page_lists_every_map_with_its_buffers():
    listed = rows()
    assert listed.keys() == MAPS.keys()
    for name, rule in MAPS.items():
        if not name.startswith("one_vs_rest"):
            assert set(listed[name].replace(",", " ").split()) == rule.needs, name


def test_evidence_has_the_same_maps_and_vacuity():
    sampled_only = {"variation_ratio"}
    assert set(DIRICHLET_MAPS) - {"vacuity"} <= set(MAPS)
    assert set(MAPS) - set(DIRICHLET_MAPS) <= sampled_only
