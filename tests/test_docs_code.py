"""Every code block of the docs runs in a test: who adds one says here which test runs it."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
DOCS = TESTS.parent / "docs"
BLOCK = re.compile(r"^```(?:python|bash|sh)$", re.MULTILINE)
# page -> the tests that run it, each with how many of the page's blocks
RUN_BY = {
    "adapters.md": {"adapters/test_adapters_page.py": 2},
    "archives/README.md": {"cli/test_archive_files.py": 1},
    "corruption.md": {"corruption/test_page.py": 1},
    "dicom.md": {"cli/test_dicom.py": 3},
    "doctor.md": {"doctor/test_page.py": 2},
    "evaluation.md": {"evaluation/test_page.py": 1},
    "operations/README.md": {
        "operations/test_operations_files.py": 1,
        "operations/test_no_outbound.py": 1,
    },
    "quality_predictors.md": {
        "quality/test_page.py": 2,
        "one_class/test_page.py": 1,
        "reverse/test_docs.py": 1,
    },
    "refinement.md": {"review/test_refinement_page.py": 3},
    "review.md": {"review/test_review_page.py": 1},
}


def blocks(page: Path) -> int:
    return len(BLOCK.findall(page.read_text("utf-8")))


def test_every_block_has_a_test_that_runs_it() -> None:
    found = {str(page.relative_to(DOCS)): blocks(page) for page in DOCS.rglob("*.md")}
    assert {page: count for page, count in found.items() if count} == {
        page: sum(tests.values()) for page, tests in RUN_BY.items()
    }


@pytest.mark.parametrize(
    ("page", "test"), [(page, test) for page in RUN_BY for test in RUN_BY[page]]
)
def test_the_test_reads_the_page(page: str, test: str) -> None:
    assert Path(page).name in (TESTS / test).read_text("utf-8")
