from dataclasses import replace
from datetime import UTC, datetime

import pytest

from segqc_conformal.monitors import CoverageBound, Segment
from segqc_conformal.monitors.audit_event import AuditEvent
from segqc_conformal.monitors.audited_promises import (
    ACCEPTED_ERROR,
    MISCOVERAGE,
    audit_loss,
    promises_of,
)

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
SEGMENT = Segment("all", None, 0.1, CoverageBound(0.1, 0.0, 0.05))
EVENT = AuditEvent("c1", "A", 1, NOW, True, True, True, NOW, NOW, 1, 0.9, True, "expert")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (ACCEPTED_ERROR, MISCOVERAGE)),
        ({"accepted": False}, (MISCOVERAGE,)),
        ({"common": False}, (ACCEPTED_ERROR,)),
        ({"promised": False}, (ACCEPTED_ERROR,)),
        ({"accepted": False, "common": False}, ()),
    ],
)
def test_an_audit_speaks_to_the_promises_of_its_case(changes, expected):
    assert promises_of(SEGMENT, replace(EVENT, **changes)) == expected


def test_a_promise_that_is_not_made_is_not_tested():
    assert promises_of(replace(SEGMENT, tolerated_error=None), EVENT) == (MISCOVERAGE,)
    assert promises_of(replace(SEGMENT, coverage=None), EVENT) == (ACCEPTED_ERROR,)


@pytest.mark.parametrize(("dice", "bad"), [(0.8, 1.0), (0.81, 0.0)])
def test_dice_at_the_threshold_is_bad(dice, bad):
    assert audit_loss(ACCEPTED_ERROR, replace(EVENT, dice=dice), 0.8) == bad


def test_dice_outside_its_interval_breaks_coverage():
    assert audit_loss(MISCOVERAGE, EVENT, 0.8) == 0.0
    assert audit_loss(MISCOVERAGE, replace(EVENT, covered=False), 0.8) == 1.0
