import re

import pytest
from literature_page import PAGE, ROOT, named, page, row_files, row_module, rows

ROWS = 33


def test_all_rows_are_there_and_say_what_they_assert():
    assert sorted(row_files()) == list(range(1, ROWS + 1))
    assert sorted(rows()) == list(range(1, ROWS + 1))


def test_the_page_is_what_the_rows_say():
    assert PAGE.read_text(encoding="utf-8") == page()


def test_links_of_the_page_lead_to_files():
    links = re.findall(r"\]\(\.\./([^)]+)\)", page())
    assert len(links) > 2 * len(rows())
    assert not [link for link in links if not (ROOT / link).is_file()]


@pytest.mark.parametrize("number", sorted(row_files()))
def test_every_row_has_tests_of_its_name_and_a_twin_and_none_is_left_out(number):
    module = row_module(number)
    tests = [name for name in vars(module) if name.startswith("test_")]
    assert tests
    assert all(name.startswith(f"test_row_{number:02d}_") for name in tests)
    assert any("twin" in name for name in tests)
    assert not re.search(r"skip|xfail", row_files()[number].read_text(encoding="utf-8"))


@pytest.mark.parametrize("number", sorted(rows()))
def test_every_name_of_a_row_imports_and_every_field_is_one_line(number):
    row = rows()[number]
    assert row.names
    assert all(named(name) is not None for name in row.names)
    assert all((row.system, row.paper, row.signal, row.asserted))
    fields = (row.system, row.paper, row.signal, row.asserted, row.reconstruction, row.out_of_scope)
    assert not [field for field in fields if "\n" in field or "|" in field]
