from datetime import UTC, datetime

import numpy as np

from segqc_conformal.monitors import (
    CoverageBound,
    ExchangeabilityWatch,
    MonitorSettings,
    Segment,
    SegmentMonitor,
)
from segqc_conformal.monitors.audit_event import AuditEvent

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
SEGMENT = Segment("all", None, 0.1, CoverageBound(0.1, 0.0, 0.05))


def new_monitor() -> SegmentMonitor:
    settings = MonitorSettings(horizon=1_000)
    watch = ExchangeabilityWatch(settings.horizon, settings.false_alarm, settings.seed)
    watch.start(np.linspace(0.0, 1.0, 100), sites=["A"] * 100)
    return SegmentMonitor(SEGMENT, settings, 1.0, watch, NOW, 0.8)


def answer(
    number: int, accepted: bool, common: bool, covered: bool, site: str = "A", dice: float = 0.9
) -> AuditEvent:
    return AuditEvent(
        case_id=f"c{number}",
        site=site,
        sequence=number,
        case_time=NOW,
        common=common,
        accepted=accepted,
        promised=True,
        time=NOW,
        drawn=NOW,
        answer=number,
        dice=dice,
        covered=covered,
        reference_kind="expert",
    )


def alarms(runs: int, rng: np.random.Generator, everything: bool) -> int:
    """Count runs that alarm although 10 % are missed: 5 % of accepted, 25 % of referred cases."""
    found = 0
    for _ in range(runs):
        monitor = new_monitor()
        for number in range(1, 1_500):
            accepted, share = rng.random() < 0.75, rng.random()
            if share < (0.2 if accepted else 1.0):
                covered = rng.random() >= (0.05 if accepted else 0.25)
                event = answer(number, accepted, everything or share < 0.2, covered)
                for draw in (True, False):
                    monitor.audit(AuditEvent(**{**vars(event), "answer": None}) if draw else event)
        found += "HARM" in (monitor.settle(NOW) or ())
    return found


def test_coverage_counts_audits_at_the_common_rate_and_counting_all_of_them_alarms_wrongly() -> (
    None
):
    rng = np.random.default_rng(5)
    # Binomial(40, .05): 0.3 % of draws lie above 6
    assert alarms(40, rng, everything=False) <= 6
    assert alarms(10, rng, everything=True) >= 8


def test_a_promise_over_all_sites_is_not_broken_by_one_site_alone() -> None:
    rng, alarms = np.random.default_rng(2), 0
    for _ in range(20):
        monitor = new_monitor()
        for number in range(1, 601):
            site = "AB"[number % 2]
            # 2 % and 18 %: together the 10 % that is tolerated
            bad = rng.random() < (0.02 if site == "A" else 0.18)
            event = answer(number, True, True, True, site, 0.5 if bad else 0.9)
            monitor.audit(AuditEvent(**{**vars(event), "answer": None}))
            monitor.audit(event)
        alarms += "HARM" in (monitor.settle(NOW) or ())
        sites = monitor.evidence()["accepted error"]["sites"]
        assert sites["A"]["losses"] < sites["B"]["losses"]
    # Binomial(20, .05): 0.3 % of draws lie above 4
    assert alarms <= 4


def test_state_goes_round_bit_for_bit_and_does_not_grow() -> None:
    monitor, rng, sizes = new_monitor(), np.random.default_rng(0), []
    for number in range(1, 401):
        monitor.case({"value": rng.random()}, f"c{number}", number, "A", NOW)
        event = answer(number, True, True, number % 20 != 0)
        monitor.audit(AuditEvent(**{**vars(event), "answer": None}))
        monitor.audit(event)
        if number % 200 == 0:
            sizes.append(len(str(monitor.to_dict())))
    again = SegmentMonitor.from_dict(monitor.to_dict(), SEGMENT, monitor.settings, 1.0, 0.8)
    assert again.to_dict() == monitor.to_dict()
    assert again.standing == monitor.standing
    assert abs(sizes[1] - sizes[0]) < 300


def test_what_was_spent_counts_every_horizon_that_began_and_every_watch() -> None:
    monitor = new_monitor()
    assert monitor.spent == {"calibration behind the test of coverage": 0.05}
    for number in range(1, 1_102):
        monitor.case({"value": 5.0}, f"c{number}", number, "A", NOW)
    assert monitor.closing is not None
    assert monitor.spent["false WATCH"] == 0.1
    assert monitor.spent["wrong BENIGN"] == 0.05
    monitor.open_new_watch(monitor.watch.fresh({"value": [0.5]}))
    monitor.case({"value": 5.0}, "c", 2_000, "A", NOW)
    assert monitor.spent["false WATCH"] == 0.15000000000000002
    assert (monitor.watch_epoch, monitor.spent["wrong BENIGN"]) == (2, 0.05)


def test_a_mask_edited_from_ours_is_no_evidence() -> None:
    monitor = new_monitor()
    event = answer(1, True, True, covered=False)
    monitor.audit(AuditEvent(**{**vars(event), "answer": None}))
    monitor.audit(AuditEvent(**{**vars(event), "reference_kind": "edited"}))
    place = monitor.evidence()["miscoverage"]
    assert (place["audits"], place["edited"], place["waiting"]) == (0, 1, 1)
