import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "review.md"


def test_the_example_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(block, "review.md", "exec"), names)
    printed = capsys.readouterr().out
    assert printed.count("place") == 4
    first = names["in_order"](names["slices_together"](names["slices"])).iloc[0]  # type: ignore[operator]
    assert first["slice"] == 6
