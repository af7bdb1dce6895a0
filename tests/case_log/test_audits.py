from collections.abc import Callable
from datetime import UTC, datetime

import pandas as pd
import pytest

from segqc_conformal.case_log import AuditRates, CaseLog
from segqc_conformal.errors import InputError
from segqc_conformal.features.table import check_feature_table, row_faults

MakeTable = Callable[..., pd.DataFrame]
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
GOOD = {"anterior": 0.9, "posterior": 0.7}


def test_drawing_is_random_at_the_stated_rate_and_each_case_is_considered_once(
    log_url: str, verdict_table: MakeTable
) -> None:
    names = [f"c{i}" for i in range(2000)]
    with CaseLog(log_url) as log:
        log.add(verdict_table(names))
        drawn = log.draw_audits(0.2, secret_seed=5, now=NOW)
        # Binomial(2000, 0.2) has a standard deviation of 18: four of them.
        assert 328 <= len(drawn) <= 472
        assert set(drawn["probability"]) == {0.2}
        assert log.draw_audits(1.0, secret_seed=5, now=NOW).empty
        log.add(verdict_table(["new"]))
        assert log.draw_audits(1.0, secret_seed=5, now=NOW)["case_id"].tolist() == ["new"]
        assert len(log.pending_audits()) == len(drawn) + 1


def test_the_draw_depends_on_seed_and_case_id_only(
    log_url: str, verdict_table: MakeTable, tmp_path_factory: pytest.TempPathFactory
) -> None:
    names = [f"c{i}" for i in range(200)]
    refused = verdict_table(names[::-1]).assign(accept=False, accept_score=-9.0)
    other_url = f"sqlite:///{tmp_path_factory.mktemp('other')}/log.db"
    with CaseLog(log_url) as log, CaseLog(other_url) as other:
        log.add(verdict_table(names))
        other.add(refused)
        drawn = set(log.draw_audits(0.3, secret_seed=5, now=NOW)["case_id"])
        assert drawn == set(other.draw_audits(0.3, secret_seed=5, now=NOW)["case_id"])
        assert 20 <= len(drawn) <= 100


def test_repeats_of_a_patient_are_never_drawn(log_url: str, verdict_table: MakeTable) -> None:
    with CaseLog(log_url) as log:
        log.add(verdict_table(["c1"], ["p"]))
        log.add(verdict_table(["c2"], ["p"]))
        assert log.draw_audits(1.0, secret_seed=0, now=NOW)["case_id"].tolist() == ["c1"]


def test_answered_audits_are_a_feature_table_with_dice(
    log_url: str, verdict_table: MakeTable, feature_table: MakeTable
) -> None:
    with CaseLog(log_url) as log:
        log.add(verdict_table(["c1", "c2"]), feature_table(["c1", "c2"]))
        log.draw_audits(1.0, secret_seed=0, now=NOW)
        log.add_audit("c2", GOOD, now=NOW)
        assert log.pending_audits()["case_id"].tolist() == ["c1"]
        table = check_feature_table(log.audited())
        assert log.audited(since_sequence=2).empty
    assert (row_faults(table) == "").all()
    assert table["structure"].tolist() == ["anterior", "posterior"]
    assert table["dice"].tolist() == [0.9, 0.7]
    assert table["feature_x"].tolist() == [0.25, 0.375]
    assert set(table["reference_kind"]) == {"expert"}


def test_an_answer_nobody_drew_has_no_probability_and_stays_out(
    log_url: str, verdict_table: MakeTable, feature_table: MakeTable
) -> None:
    with CaseLog(log_url) as log:
        log.add(verdict_table(["c1"]), feature_table(["c1"]))
        log.add_audit("c1", GOOD, now=NOW)
        assert log.audited().empty
        # Drawn later at random, it counts: to leave it out would bias the draw.
        assert log.draw_audits(1.0, secret_seed=0, now=NOW)["case_id"].tolist() == ["c1"]
        assert log.pending_audits().empty
        assert log.audited()["dice"].tolist() == [0.9, 0.7]


def test_an_answer_is_never_changed(
    log_url: str, verdict_table: MakeTable, feature_table: MakeTable
) -> None:
    with CaseLog(log_url) as log:
        log.add(verdict_table(["c1"]), feature_table(["c1"]))
        log.draw_audits(1.0, secret_seed=0, now=NOW)
        log.add_audit("c1", GOOD, now=NOW)
        log.add_audit("c1", GOOD, now=NOW)
        with pytest.raises(InputError, match=r"case c1: .* never changed"):
            log.add_audit("c1", {**GOOD, "anterior": 0.8}, now=NOW)
        with pytest.raises(InputError, match="never changed"):
            log.add_audit("c1", GOOD, reference_kind="edited", now=NOW)
        assert log.audited()["dice"].tolist() == [0.9, 0.7]


@pytest.mark.parametrize(
    ("case_id", "dice", "said"),
    [
        ("c9", GOOD, "case c9: expected a case of the log"),
        ("c1", {"anterior": 0.9}, "case c1: expected a Dice"),
        ("c1", {**GOOD, "posterior": 90.0}, "case c1: expected a Dice"),
        ("c1", {**GOOD, "posterior": float("nan")}, "case c1: expected a Dice"),
    ],
)
def test_an_unusable_answer_is_refused(
    log_url: str, verdict_table: MakeTable, case_id: str, dice: dict[str, float], said: str
) -> None:
    with CaseLog(log_url) as log:
        log.add(verdict_table(["c1"]))
        with pytest.raises(InputError, match=said):
            log.add_audit(case_id, dice, now=NOW)


@pytest.mark.parametrize("rate", [0.0, 1.5, float("nan")])
def test_a_rate_out_of_range_is_refused(log_url: str, rate: float) -> None:
    with CaseLog(log_url) as log, pytest.raises(InputError, match="audit rate"):
        log.draw_audits(rate, secret_seed=0, now=NOW)


def test_answers_given_unasked_are_held_until_their_draw_is_complete(
    log_url: str, verdict_table: MakeTable
) -> None:
    with CaseLog(log_url) as log:
        log.add(verdict_table([f"c{number}" for number in range(6)]))
        for case_id in ("c4", "c2"):  # somebody saw bad masks and said so
            log.add_audit(case_id, {"anterior": 0.1, "posterior": 0.1}, now=NOW)
        assert log.answers_after(0, "f00d").empty
        log.draw_audits(1.0, secret_seed=0, now=NOW)
        assert log.answers_after(0, "f00d").empty
        for case_id in ("c5", "c0", "c1"):
            log.add_audit(case_id, GOOD, now=NOW)
            assert log.answers_after(0, "f00d").empty
        log.add_audit("c3", GOOD, now=NOW)
        released = log.answers_after(0, "f00d")
        assert released["case_id"].tolist() == [f"c{number}" for number in range(6)]
        assert released["answer_number"].tolist() == [1, 2, 3, 4, 5, 6]
        log.add(verdict_table(["c6", "c7"]))
        log.draw_audits(1.0, secret_seed=0, now=NOW)
        log.add_audit("c7", GOOD, now=NOW)
        assert log.answers_after(6, "f00d")["case_id"].tolist() == ["c7"]


def test_rates_differ_by_decision_and_the_common_audits_are_a_sample_of_all(
    log_url: str, verdict_table: MakeTable
) -> None:
    table = verdict_table([f"c{number}" for number in range(1000)])
    referred = table["case_id"].isin([f"c{number}" for number in range(0, 1000, 4)])
    table.loc[referred, "accept"] = False
    with CaseLog(log_url) as log:
        log.add(table)
        drawn = log.draw_audits(lambda *_: AuditRates(0.2, 0.8), secret_seed=1, now=NOW)
        events = log.draws_after(0, "f00d")
        by_stratum = drawn.groupby("stratum")["probability"]
        assert by_stratum.unique().map(list).to_dict() == {
            "accepted/A": [0.2],
            "referred/A": [0.8],
        }
        common = events[events["common"].astype(bool)]
        # Binomial(250, .2) and (750, .2): four standard deviations
        assert 25 <= (common["stratum"] == "referred/A").sum() <= 75
        assert (events["stratum"] == "accepted/A").sum() == (common["accept"]).sum()
        log.add(verdict_table(["next"]))
        log.draw_audits(1.0, secret_seed=1, now=NOW)
        assert log.draws_after(1000, "f00d")["epoch"].tolist() == [1]
