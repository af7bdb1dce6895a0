import numpy as np
import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.evaluation.reconstructions import (
    esce_reconstruction,
    hdice_reconstruction,
    ucm_reconstruction,
)


def test_ucm_is_one_less_the_common_area_of_the_densities():
    assert ucm_reconstruction([10, 0], [0, 5]) == 1.0
    assert ucm_reconstruction([10, 30], [1, 3]) == 0.0
    assert ucm_reconstruction([6, 2], [1, 1]) == pytest.approx(1 - (0.5 + 0.25))
    assert np.isnan(ucm_reconstruction([1, 2], [0, 0]))
    with pytest.raises(InputError, match="same bins"):
        ucm_reconstruction([1, 2], [1])


def test_esce_is_zero_where_predicted_dice_is_right_on_average():
    assert esce_reconstruction([0.81, 0.82, 0.31], [0.71, 0.92, 0.31]) == pytest.approx(0.0)
    assert esce_reconstruction([0.91, 0.91], [0.81, 0.81]) == pytest.approx(0.1)


def test_hdice_is_high_only_for_a_good_model_that_knows():
    good, poor = np.full(10, 0.9), np.full(10, 0.5)
    assert hdice_reconstruction(good, good) == pytest.approx(2 * 0.9 / 1.9)
    assert hdice_reconstruction(poor, poor) < hdice_reconstruction(good, good)
    assert hdice_reconstruction(poor, good) < hdice_reconstruction(good, good)
    assert hdice_reconstruction(np.zeros(2), np.zeros(2)) == 0.0
