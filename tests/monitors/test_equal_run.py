import json
from fractions import Fraction
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.monitors.equal_run import EqualRun, unexplained_run


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400))
def test_the_length_is_the_first_that_ties_do_not_explain(tied: int, others: int) -> None:
    values = [0.5] * tied + [float(number) for number in range(1, others + 1)]
    share, length = Fraction(tied, tied + others), unexplained_run(values)
    assert length is not None
    assert length >= 20
    assert share**length < Fraction(1, 10**6)
    assert length == 20 or share ** (length - 1) >= Fraction(1, 10**6)


@pytest.mark.parametrize("values", [[], [0.1], [0.2] * 50, [-inf] * 3])
def test_a_constant_or_empty_bag_makes_no_run_too_long(values: list[float]) -> None:
    run = EqualRun(unexplained_run(values))
    for _ in range(1000):
        run.add(0.2)
    assert (run.length, run.frozen) == (1000, False)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.1, 0.2, -inf]), max_size=30))
def test_a_run_counts_equal_values_at_the_end_and_goes_on_from_json(values: list[float]) -> None:
    run = EqualRun(3)
    for number, value in enumerate(values, start=1):
        run.add(value)
        run = EqualRun.from_state(json.loads(json.dumps(run.state(), allow_nan=False)))
        wanted = 1
        while wanted < number and values[number - wanted - 1] == value:
            wanted += 1
        assert (run.length, run.frozen) == (wanted, wanted >= 3)
