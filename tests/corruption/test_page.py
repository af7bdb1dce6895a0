import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "corruption.md").read_text("utf-8")


def test_the_example_of_the_page_runs(volume):
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = {"cases": [volume(number) for number in range(3)]}
    exec(compile(block, "corruption.md", "exec"), names)
    corrupted = names["corrupted"]
    assert len(corrupted) == 12
    assert names["wanted"].distance(corrupted.table["dice"]) == corrupted.distance
    each = names["each"]
    assert each.case.corrupted
    assert each.dice.keys() == {"anterior", "posterior"}
    assert each.case.mask.shape == each.case.reference.shape
