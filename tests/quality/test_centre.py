import numpy as np
import pandas as pd
import pytest

from segqc_conformal.quality.centre import recentred, row_centres, width_centre


def residuals(rows: int = 500) -> np.ndarray:
    """Return errors that reach further down than up, as those of Dice do."""
    return -np.random.default_rng(4).exponential(0.05, rows) + 0.05


def width(residual: np.ndarray, centre: float, level: float = 0.9) -> float:
    return 2 * float(np.quantile(np.abs(residual - centre), level, method="inverted_cdf"))


def test_no_other_centre_gives_a_much_narrower_interval() -> None:
    residual = residuals()
    centre = width_centre(residual + 0.7, np.full(500, 0.7), np.ones(500), 0.1)
    assert centre < -0.005
    best = min(width(residual, other) for other in np.linspace(-0.2, 0.1, 601))
    assert width(residual, centre) < 1.05 * best
    assert width(residual, centre) < 0.95 * width(residual, 0.0)


def test_the_centre_of_symmetric_errors_is_zero() -> None:
    error = np.linspace(-0.1, 0.1, 201) ** 3
    assert width_centre(error + 0.7, np.full(201, 0.7), np.ones(201), 0.1) == pytest.approx(
        0, abs=2e-3
    )


def test_the_centre_is_in_units_of_the_scale() -> None:
    residual, scale = residuals(), np.full(500, 0.2)
    plain = width_centre(residual + 0.7, np.full(500, 0.7), np.ones(500), 0.1)
    scaled = width_centre(residual + 0.7, np.full(500, 0.7), scale, 0.1)
    assert scaled == pytest.approx(plain / 0.2)


def test_few_rows_move_nothing() -> None:
    few = residuals(19)
    assert width_centre(few + 0.7, np.full(19, 0.7), np.ones(19), 0.1) == 0.0


def scored(rows: int = 40) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "structure": ["a", "whole_case"] * rows,
            "dice": np.repeat(residuals(rows) + 0.7, 2),
            "predicted_dice": 0.75,
            "scale": 0.5,
            "accept_score": -0.1,
        }
    )


def test_centres_are_of_the_named_rows_with_a_known_prediction() -> None:
    table = scored()
    unknown = table.assign(predicted_dice=np.nan, dice=0.0)
    found = row_centres(pd.concat([table, unknown]), ["whole_case", "subset:none"], 0.1)
    whole = table[table["structure"] == "whole_case"]
    expected = width_centre(
        *(whole[name].to_numpy() for name in ("dice", "predicted_dice", "scale")), 0.1
    )
    assert found == {"whole_case": expected, "subset:none": 0.0}


def test_only_the_predicted_dice_of_named_rows_moves_and_stays_a_dice() -> None:
    table = scored()
    table.loc[1, "predicted_dice"] = np.nan
    moved = recentred(table, {"whole_case": -3.0})
    whole = table["structure"] == "whole_case"
    assert np.isnan(moved.loc[1, "predicted_dice"])
    assert (moved.loc[whole, "predicted_dice"].dropna() == 0.0).all()
    pd.testing.assert_frame_equal(moved[~whole], table[~whole])
    pd.testing.assert_series_equal(moved["accept_score"], table["accept_score"])
