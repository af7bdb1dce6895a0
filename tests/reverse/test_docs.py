import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs" / "quality_predictors.md"


def test_the_example_of_the_docs_runs() -> None:
    section = DOCS.read_text().split("## From labelled references")[1]
    (block,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(block, DOCS.name, "exec"), names)
    single = names["single"]
    assert len(single) == 2  # type: ignore[arg-type]
