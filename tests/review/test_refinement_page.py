"""docs/refinement.md runs as it stands, and says what happens."""

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "refinement.md").read_text()


def test_the_code_of_the_page_runs_and_merges_what_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "refinement.md", "exec"), names)
    assert "of the patients in whom any region is accepted at most 10%" in capsys.readouterr().out
    judged, merged, reference = (
        np.asarray(names[name]) for name in ("judged", "merged", "reference")
    )
    assert (merged != reference).sum() < (judged != reference).sum()
