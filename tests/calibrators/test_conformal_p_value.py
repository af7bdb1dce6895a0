import numpy as np
import pytest

from segqc_conformal.calibrators.conformal_p_value import alarm_rank, conformal_ranks


def test_a_rank_counts_the_calibration_patients_at_least_as_unlike() -> None:
    calibration = np.array([3.0, 1.0, 2.0, 2.0, np.inf])
    new = np.array([0.0, 1.0, 2.0, 2.5, 3.0, 9.0, np.inf])
    assert conformal_ranks(calibration, new).tolist() == [6, 6, 5, 3, 3, 2, 2]
    assert conformal_ranks([], [1.0]).tolist() == [1]
    assert conformal_ranks(calibration, []).tolist() == []


@pytest.mark.parametrize(
    ("patients", "level", "rank"),
    [(0, 0.5, 0), (9, 0.1, 1), (8, 0.1, 0), (19, 0.05, 1), (38, 0.05, 1), (39, 0.05, 2)],
)
def test_an_alarm_needs_a_rank_of_at_most_level_times_n_plus_one(
    patients: int, level: float, rank: int
) -> None:
    assert alarm_rank(patients, level) == rank
