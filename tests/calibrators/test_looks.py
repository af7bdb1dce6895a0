import numpy as np
import pytest

from segqc_conformal.calibrators.looks import (
    confidence_of_look,
    delta_of_look,
    delta_up_to_look,
)
from segqc_conformal.calibrators.p_values import binomial_p_value
from segqc_conformal.calibrators.planning import calibration_size
from segqc_conformal.errors import InputError
from segqc_conformal.plan import fewest_accepted


@pytest.mark.parametrize(("alpha", "numbers"), [(0.1, (29, 46)), (0.05, (59, 93))])
def test_fewest_accepted_patients_of_the_first_of_many_looks(
    alpha: float, numbers: tuple[int, int]
) -> None:
    confidence = confidence_of_look(0.9, "many")
    assert tuple(fewest_accepted(bad, alpha, confidence) for bad in (0, 1)) == numbers


def test_everything_accepted_without_error_needs_29_patients_at_the_first_of_many_looks() -> None:
    assert calibration_size(1.0, 0.0, looks="many") == 29
    assert calibration_size(1.0, 0.0) == 22


def test_all_looks_together_spend_at_most_delta() -> None:
    assert delta_up_to_look(0.9, "many", 200) == pytest.approx(0.1 * (1 - 1 / 201))


@pytest.mark.parametrize("wrong", [("one", 2), ("many", 0), ("few", 1)])
def test_looks_that_were_not_declared_are_refused(wrong: tuple[str, int]) -> None:
    with pytest.raises(InputError):
        delta_of_look(0.9, *wrong)


def test_peeking_breaks_the_promise_and_declared_looks_keep_it() -> None:
    """Look at 60, 80, ..., 1000 patients, 57 % of whom are accepted at an error of exactly .1."""
    rng, draws = np.random.default_rng(0), 4000
    sizes = np.arange(60, 1001, 20)
    accepted = rng.random((draws, 1000)) < 0.57
    bad = accepted & (rng.random((draws, 1000)) < 0.1)
    n, k = (np.cumsum(x, axis=1)[:, sizes - 1] for x in (accepted, bad))
    p = binomial_p_value(k, n, 0.1)
    levels = np.array([delta_of_look(0.95, "many", look) for look in range(1, sizes.size + 1)])
    assert (p <= levels).any(axis=1).mean() <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / draws)
    assert (p <= 0.05).any(axis=1).mean() > 0.15  # the twin: each look spends all of delta
