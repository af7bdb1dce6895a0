"""Of the shapes of many cases: how often a swap is seen, and how often one is seen wrongly."""

import numpy as np
import pytest

from segqc_conformal.doctor.seen_case import SeenCase
from segqc_conformal.doctor.structures import leaked_reference, transposed_structure


def cohort(random, cases, spread, swapped=False):
    """Return cases whose structure is 30 x 50 x 80 mm, each side varying by itself."""
    sides = np.array([30.0, 50.0, 80.0]) * np.exp(random.normal(0, spread, (cases, 3)))
    if swapped:
        sides[0] = sides[0][[2, 1, 0]]
    return [seen(f"c{number}", tuple(row)) for number, row in enumerate(sides)]


def seen(case_id, sides=(), same_masks=None):
    extents = {("deployed mask", "organ"): sides} if sides else {}
    return SeenCase(case_id, case_id, "A", (1.0,) * 3, "RAS", None, extents, same_masks)


@pytest.mark.parametrize(("spread", "found"), [(0.1, 38), (0.2, 20)])
def test_a_swap_is_seen_where_the_sides_differ_by_more_than_they_vary(spread, found):
    random = np.random.default_rng(1)
    said = [transposed_structure(cohort(random, 20, spread, swapped=True)) for _ in range(40)]
    named = [
        findings
        for findings in said
        if any(
            "axes 0 and 2 are swapped" in one.message and one.subject == "case c0"
            for one in findings
        )
    ]
    assert len(named) >= found


@pytest.mark.parametrize("spread", [0.1, 0.2, 0.4])
def test_a_cohort_without_a_swap_is_seldom_blamed(spread):
    random = np.random.default_rng(2)
    blamed = [bool(transposed_structure(cohort(random, 20, spread))) for _ in range(100)]
    assert sum(blamed) <= 3


def test_too_few_cases_say_nothing():
    random = np.random.default_rng(3)
    assert transposed_structure(cohort(random, 11, 0.01, swapped=True)) == []
    assert len(transposed_structure(cohort(random, 12, 0.01, swapped=True))) == 1


@pytest.mark.parametrize(
    ("same", "level"),
    [
        ([True, True, None], "problem"),
        ([True, False], "problem"),
        ([True, False, False], "warning"),
    ],
)
def test_a_copy_of_the_deployed_mask_is_a_problem_where_half_are_copies(same, level):
    cases = [seen(f"c{number}", same_masks=each) for number, each in enumerate(same)]
    (found,) = leaked_reference(cases)
    assert found.level == level
    assert found.message.startswith("c0")
    assert leaked_reference([seen("c0", same_masks=False), seen("c1")]) == []
