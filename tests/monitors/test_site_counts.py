from segqc_conformal.monitors.risk_sequence import risk_interval
from segqc_conformal.monitors.site_counts import SiteCounts


def test_sites_are_counted_apart_with_intervals_that_hold_for_all_at_once() -> None:
    counts = SiteCounts()
    for number in range(40):
        counts.add("miscoverage", "AB"[number % 2], float(number % 8 == 0))
    counts.add("accepted error", "A", 1.0)
    told = counts.told("miscoverage", share=0.05)
    assert {site: (each["audits"], each["losses"]) for site, each in told.items()} == {
        "A": (20, 5.0),
        "B": (20, 0.0),
    }
    assert told["A"]["interval"] == [float(end) for end in risk_interval(5.0, 20, 0.025)]
    assert counts.told("nothing", share=0.05) == {}
    assert SiteCounts(counts.state()).told("miscoverage", 0.05) == told
