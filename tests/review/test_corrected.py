import numpy as np
import pandas as pd
import pytest

from segqc_conformal.dice import dice
from segqc_conformal.errors import GeometryError
from segqc_conformal.review import slice_errors
from segqc_conformal.review.corrected import corrected_dice, corrected_mask, voxels_of


def masks():
    rng = np.random.default_rng(2)
    return rng.random((6, 5, 7)) < 0.4, rng.random((6, 5, 7)) < 0.5


def test_dice_from_the_slices_is_that_of_the_corrected_mask():
    mask, reference = masks()
    errors = slice_errors(mask, reference, (1.0, 1.0, 2.0), case_id="c", structure="a")
    for opened in ([], [0, 3], list(range(7))):
        rows = pd.DataFrame({"axis": 2, "slice": opened})
        after = corrected_mask(mask, reference, voxels_of(rows, mask.shape))
        found = corrected_dice(errors, errors["slice"].isin(opened))
        assert found.loc[("c", "a")] == pytest.approx(dice(after, reference), abs=1e-12)


def test_errors_add_up_over_the_slices():
    mask, reference = masks()
    errors = slice_errors(mask, reference, (1.0, 2.0, 5.0), case_id="c", structure="a")
    assert errors["wrong_ml"].sum() == pytest.approx((mask != reference).sum() * 10.0 / 1000)
    assert errors["shared"].sum() == (mask & reference).sum()
    empty = np.zeros((6, 5, 7), bool)
    only = slice_errors(empty, reference, (1.0, 2.0, 5.0), case_id="c", structure="a")
    assert (only["dice"] == 0.0).all()


def test_other_grids_are_refused():
    mask, reference = masks()
    with pytest.raises(GeometryError, match="case c17"):
        slice_errors(mask, reference[1:], (1.0,) * 3, case_id="c17", structure="a")
    with pytest.raises(GeometryError):
        corrected_mask(mask, reference, np.ones((2, 2), bool))
