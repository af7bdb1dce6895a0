import pytest

from segqc_conformal.case_log import AuditRates
from segqc_conformal.errors import InputError
from segqc_conformal.monitors.audit_plan import audit_plan
from segqc_conformal.standing import Standing

HARM_A = Standing("A", ("A",), "HARM", None, (), True)


def test_rates_are_raised_in_the_segment_with_an_alarm_only() -> None:
    plan = audit_plan(AuditRates(0.05, 0.5), 0.25, {"v": (HARM_A,)}.__getitem__)
    assert plan("v", "A") == AuditRates(0.25, 0.5)
    assert plan("v", "B") == AuditRates(0.05, 0.5)
    never = audit_plan(AuditRates(0.05), None, {"v": (HARM_A,)}.__getitem__)
    assert never("v", "A") == AuditRates(0.05)


def test_rates_out_of_range_are_refused() -> None:
    for rates in ((0.0, None), (0.1, 1.5)):
        with pytest.raises(InputError, match="audit rates in"):
            AuditRates(*rates)
    with pytest.raises(InputError, match="a raised rate"):
        audit_plan(AuditRates(0.1), 0.0, {}.__getitem__)
