import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.monitors import label_budget


@pytest.mark.parametrize(
    ("tolerated_error", "multiple", "median", "p90"),
    [(0.10, 2, 145, 270), (0.10, 3, 50, 92), (0.05, 2, 260, 530), (0.05, 3, 95, 180)],
)
def test_targets_are_met(tolerated_error: float, multiple: float, median: int, p90: int) -> None:
    found = label_budget(tolerated_error, multiple)
    assert found.median is not None
    assert found.p90 is not None
    assert 0.8 * median < found.median <= median
    assert 0.8 * p90 < found.p90 <= p90


def test_a_small_rise_is_not_noticed_within_a_short_horizon() -> None:
    assert label_budget(0.10, 1.05, horizon=100) == (None, None)


def test_same_seed_same_budget() -> None:
    assert label_budget(0.10, 4.0, seed=3) == label_budget(0.10, 4.0, seed=3)


@pytest.mark.parametrize(
    ("tolerated_error", "multiple"), [(0.1, 1.0), (0.1, 11.0), (0.0, 2.0), (0.8, 1.1), (0.1, -2)]
)
def test_settings_out_of_range_are_refused(tolerated_error: float, multiple: float) -> None:
    with pytest.raises(InputError):
        label_budget(tolerated_error, multiple)
