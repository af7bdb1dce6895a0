import re
from pathlib import Path

import pandas as pd
import pytest
from made_up import drawn

PAGE = Path(__file__).resolve().parents[2] / "docs" / "quality_predictors.md"


def test_the_example_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    section = PAGE.read_text().split("## From good cases alone")[1]
    (block,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    structures = ("liver", "spleen")
    new = pd.concat([drawn(20, 1, structures), drawn(5, 2, structures, away=9.0)])
    names: dict[str, object] = {"table": drawn(120, 0, structures), "new": new}
    exec(compile(block, PAGE.name, "exec"), names)
    assert "calibrations of 60 such patients" in capsys.readouterr().out
    for judged in (names["judged"], names["batch"]):
        assert isinstance(judged, pd.DataFrame)
        far = judged["case_id"].str.startswith("c2-")
        assert judged.loc[far, "flagged"].mean() > 0.9
        assert judged.loc[~far, "flagged"].mean() < 0.3
    assert (tmp_path / "one_class" / "one_class.skops").is_file()
