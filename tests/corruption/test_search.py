import pytest

from segqc_conformal.corruption.search import TOLERANCE, strength_for


@pytest.mark.parametrize("wanted", [0.0, 0.03, 0.5, 0.9, 0.997, 1.0])
def test_a_wanted_dice_is_found(wanted):
    strength, reached = strength_for(lambda strength: (1.0 - strength) ** 3, wanted)
    assert reached == (1.0 - strength) ** 3
    assert abs(reached - wanted) <= TOLERANCE


def test_of_a_jump_the_nearer_side_is_taken():
    def jumping(strength):
        return 1.0 if strength < 0.37 else 0.6 if strength < 0.62 else 0.0

    assert [strength_for(jumping, wanted)[1] for wanted in (0.9, 0.7, 0.4, 0.1)] == [1, 0.6, 0.6, 0]


def test_what_never_changes_stays_at_strength_zero():
    assert strength_for(lambda strength: 1.0, 0.3) == (0.0, 1.0)
