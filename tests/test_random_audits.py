from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.case_log import AuditRates, CaseLog
from segqc_conformal.errors import CalibrationError, InputError
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.random_audits import audits_since

Cohort = Callable[..., pd.DataFrame]
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
STRUCTURES = ["anterior", "posterior"]


def logged(log: CaseLog, gate: CalibratedGate, table: pd.DataFrame) -> pd.DataFrame:
    verdicts = gate.judge(table)
    log.add(verdicts, table)
    return verdicts


def answered(log: CaseLog, table: pd.DataFrame, kind: str = "expert") -> None:
    dice = table.set_index(["case_id", "structure"])["dice"]
    for case in log.pending_audits()["case_id"]:
        log.add_audit(case, dice.loc[case].to_dict(), kind, now=NOW)


def test_audits_drawn_at_several_rates_count_at_the_lowest_of_them(
    log_url: str, gate: CalibratedGate, cohort: Cohort
) -> None:
    first, table = cohort(1, 5000), cohort(1500, 6000)
    with CaseLog(log_url) as log:
        logged(log, gate, first)
        verdicts = logged(log, gate, table)
        log.draw_audits(lambda *_: AuditRates(0.2, 0.8), secret_seed=4, now=NOW)
        answered(log, pd.concat([first, table]))
        everything, audited = log.feature_table(1), log.audited(1)
        found = audits_since(log, first["case_id"].iloc[0])
        assert log.audits_after(1).rates == {
            f"{decision}/{site}": rate
            for decision, rate in (("accepted", 0.2), ("referred", 0.8))
            for site in "AB"
        }
    whole = verdicts[verdicts["structure"] == "whole_case"].set_index("case_id")
    labelled = found.table[found.table["dice"].notna()]
    assert found.rate == 0.2
    assert (found.counted, found.audited) == tuple(
        rows["case_id"].nunique() for rows in (labelled, audited)
    )
    # every case once, and the labels are those of the audits
    keys = ["case_id", "structure"]
    assert sorted(map(tuple, found.table[keys].to_numpy())) == sorted(
        map(tuple, everything[keys].to_numpy())
    )
    told = labelled.merge(table, on=keys, suffixes=("", "_true"))
    assert np.array_equal(told["dice"], told["dice_true"])
    # each decision counts for its share of the cases; all audits together would not
    shares = {
        name: _referred(rows, whole) for name, rows in (("all", table), ("counted", labelled))
    }
    spread = np.sqrt(shares["all"] * (1 - shares["all"]) / found.counted)
    assert abs(shares["counted"] - shares["all"]) <= 4 * spread
    assert _referred(audited, whole) - shares["all"] > 4 * spread


@pytest.mark.parametrize("first", ["raised", "usual"])
def test_two_versions_audited_in_one_draw_count_at_the_lower_rate(
    log_url: str, gate: CalibratedGate, cohort: Cohort, first: str
) -> None:
    start, tables = cohort(1, 5000), {"usual": cohort(12, 6000), "raised": cohort(200, 7000)}
    order = [first, *(name for name in tables if name != first)]
    with CaseLog(log_url) as log:
        logged(log, gate, start)
        for name in order:
            verdicts = gate.judge(tables[name])
            log.add(verdicts.assign(calibration=name), tables[name])
        log.draw_audits(
            lambda version, _: AuditRates(0.5 if version == "raised" else 0.1),
            secret_seed=4,
            now=NOW,
        )
        answered(log, pd.concat([start, *tables.values()]))
        assert set(log.audits_after(1).rates.values()) == {0.1}
        found = audits_since(log, start["case_id"].iloc[0])
    assert found.rate == 0.1
    assert found.counted < 45  # of about 100 answers at the raised rate


def test_which_audits_count_depends_on_the_secret_seed_alone(
    gate: CalibratedGate, cohort: Cohort, tmp_path: Path
) -> None:
    table = cohort(30, 6000)
    verdicts = gate.judge(table)
    counted = []
    for seed in range(60):
        with CaseLog(f"sqlite:///{tmp_path}/{seed}.db") as log:
            log.add(verdicts, table)
            log.draw_audits(lambda *_: AuditRates(0.2, 0.8), secret_seed=seed, now=NOW)
            answered(log, table)
            try:
                rows = audits_since(log, table["case_id"].iloc[0]).table
            except CalibrationError:  # nothing was drawn
                continue
        counted += rows.loc[rows["dice"].notna(), "case_id"].unique().tolist()
    # each case in about one of five logs: none always, none never
    times = pd.Series(counted).value_counts().reindex(table["case_id"].unique()[1:], fill_value=0)
    assert times.min() >= 3
    assert times.max() <= 24


def test_an_answer_that_nobody_drew_leaves_its_case_among_the_unlabelled(
    log_url: str, gate: CalibratedGate, cohort: Cohort
) -> None:
    table = cohort(40, 6000)
    with CaseLog(log_url) as log:
        logged(log, gate, table)
        for case in table["case_id"].unique()[-10:]:
            log.add_audit(case, dict.fromkeys(STRUCTURES, 0.1), now=NOW)
        log.draw_audits(0.3, secret_seed=4, now=NOW)
        answered(log, table)
        found = audits_since(log, table["case_id"].iloc[0])
    assert found.table["case_id"].nunique() == 39
    labelled = found.table.loc[found.table["dice"].notna(), "case_id"].nunique()
    assert labelled == found.audited < 39


def _referred(rows: pd.DataFrame, whole: pd.DataFrame) -> float:
    return float(1.0 - whole.loc[rows["case_id"].unique(), "accept"].mean())


def test_audits_at_one_rate_all_count(log_url: str, gate: CalibratedGate, cohort: Cohort) -> None:
    table = cohort(40, 5000)
    with CaseLog(log_url) as log:
        logged(log, gate, table)
        log.draw_audits(0.5, secret_seed=4, now=NOW)
        answered(log, table)
        found = audits_since(log, table["case_id"].iloc[0])
        audited = log.audited(1)["case_id"].nunique()
    assert (found.rate, found.counted, found.audited) == (0.5, audited, audited)
    assert 10 < audited < 30


def test_a_stratum_of_which_no_case_was_drawn_still_sets_the_rate(
    log_url: str, gate: CalibratedGate, cohort: Cohort
) -> None:
    table = cohort(60, 5000)
    with CaseLog(log_url) as log:
        accepted = logged(log, gate, table).set_index("structure").loc["whole_case", "accept"]
        assert accepted.any()
        assert not accepted.all()
        log.draw_audits(lambda *_: AuditRates(1e-9, 1.0), secret_seed=4, now=NOW)
        answered(log, table)
        found = audits_since(log, table["case_id"].iloc[0])
    assert (found.rate, found.counted) == (1e-9, 0)
    assert found.audited > 0


def test_what_is_no_random_sample_is_refused(
    log_url: str, gate: CalibratedGate, cohort: Cohort
) -> None:
    table = cohort(20, 5000)
    first = table["case_id"].iloc[0]
    with CaseLog(log_url) as log:
        logged(log, gate, table)
        with pytest.raises(InputError, match="a case of the log"):
            audits_since(log, "unknown")
        with pytest.raises(CalibrationError, match="audits of cases after that one"):
            audits_since(log, first)
        log.draw_audits(1.0, secret_seed=4, now=NOW)
        with pytest.raises(CalibrationError, match="19 unanswered"):
            audits_since(log, first)
        answered(log, table, "edited")
        with pytest.raises(CalibrationError, match="19 cases whose mask was edited"):
            audits_since(log, first)
