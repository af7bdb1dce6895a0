import numpy as np

from segqc_conformal.monitors.closing import Closing


def test_closes_only_where_every_promise_is_shown_to_hold() -> None:
    closing = Closing({"accepted error": 0.15, "miscoverage": 0.2}, 0.05, since_sequence=100)
    for number in range(60):
        closing.update("accepted error", 0.0, f"c{number}", 101 + number)
    assert closing.upper("accepted error") < 0.15
    assert not closing.closed
    for number in range(60):
        closing.update("miscoverage", 0.0, f"c{number}", 101 + number)
    assert closing.closed
    assert closing.words[0].startswith("accepted error since the alarm at most 0.0")


def test_audits_up_to_the_alarm_do_not_count_and_nothing_to_show_never_closes() -> None:
    closing = Closing({"accepted error": 0.15}, 0.05, since_sequence=100)
    for number in range(500):
        closing.update("accepted error", 0.0, f"c{number}", 1 + number % 100)
    assert (closing.audits("accepted error"), closing.closed) == (0, False)
    assert not Closing({}, 0.05, 0).closed


def test_state_goes_round() -> None:
    closing = Closing({"a": 0.15, "b": 0.2}, 0.05, since_sequence=7)
    closing.update("a", 1.0, "c", 8)
    again = Closing.from_state(closing.state())
    assert again.state() == closing.state()
    assert again.words == closing.words


def test_wrong_closings_stay_below_d_and_pooling_earlier_audits_does_not() -> None:
    # two promises, both broken: risk 0.2 since the alarm where 0.15 closes; before it was 0.02
    rng, wrong, pooled = np.random.default_rng(3), 0, 0
    runs = 200
    for _ in range(runs):
        fresh = Closing({"a": 0.15, "b": 0.15}, 0.05, since_sequence=300)
        kept = Closing({"a": 0.15, "b": 0.15}, 0.05, since_sequence=0)
        for sequence in range(1, 300, 3):
            for name in ("a", "b"):
                kept.update(name, float(rng.random() < 0.02), "c", sequence)
        closed = False
        for sequence in range(301, 600, 3):
            for name in ("a", "b"):
                loss = float(rng.random() < 0.2)
                fresh.update(name, loss, "c", sequence)
                kept.update(name, loss, "c", sequence)
            closed = closed or fresh.closed
            if kept.closed:
                break
        wrong += closed
        pooled += kept.closed
    # Binomial(200, .05): 1 % of draws lie above 18
    assert wrong <= 18 < pooled
