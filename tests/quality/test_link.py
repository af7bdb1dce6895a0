import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segqc_conformal.errors import InputError
from segqc_conformal.quality.link import link_of


@given(st.floats(0.03, 0.97), st.sampled_from([(0.0, 1.0), (1.0, 5.0), (0.0, np.inf), None]))
def test_the_way_there_and_back_changes_nothing(share: float, support: tuple | None) -> None:
    low, high = support or (0.0, 1.0)
    target = np.array([low + share * (high - low if np.isfinite(high) else 40.0)])
    link = link_of(support, target)
    assert link.to_target(link.to_line(target)) == pytest.approx(target)


def test_ends_are_finite_on_the_line() -> None:
    link = link_of((0.0, 1.0), np.array([0.0, 1.0]))
    assert link.to_line(np.array([0.0, 1.0])).tolist() == pytest.approx([-3.8918, 3.8918], abs=1e-4)
    assert link_of((0.0, np.inf), np.zeros(3)).unit == 1.0


@pytest.mark.parametrize("support", [(0.0, 0.5), (0.8, 1.0)])
def test_a_target_outside_is_refused(support: tuple[float, float]) -> None:
    with pytest.raises(InputError, match=r"received 0\.6"):
        link_of(support, np.array([0.6]))
