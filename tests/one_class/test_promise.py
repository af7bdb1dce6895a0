"""The promises of one-class p-values on good cases of one law; each twin must break its promise."""

import numpy as np
import pandas as pd
import pytest
from made_up import drawn
from scipy.stats import betabinom, kstest

import segqc_conformal as sq
from segqc_conformal.calibrators.conformal_p_value import alarm_rank, conformal_ranks
from segqc_conformal.one_class.methods import METHODS

FIT, CALIBRATION, NEW, MORE = 30, 60, 100, 12
ALARM, TAIL = 0.1, 0.0005  # of the exact band, at each end
RUNS = {"forest": 4}  # the slowest to fit; others 16


def band(runs: int) -> tuple[float, float]:
    """Return the band of all false alarms of independent runs, drawn from their exact law."""
    rank = alarm_rank(CALIBRATION, ALARM)
    law = betabinom(NEW, rank, CALIBRATION + 1 - rank)
    totals = law.rvs((20_000, runs), random_state=0).sum(axis=1)
    low, high = np.quantile(totals, [TAIL, 1.0 - TAIL])
    return float(low), float(high)


def false_alarms(method: str, runs: int, fitted_again: bool = False) -> int:
    """Count good cases that are flagged; each structure is a run of its own.

    `fitted_again`: the cases that calibrate are those that were fitted, under other names.
    """
    structures = tuple(f"s{number:02d}" for number in range(runs))
    table = drawn(FIT + CALIBRATION, 0, structures, more=MORE)
    fit = table["patient_id"].unique()[:FIT].tolist()
    if fitted_again:
        known = table[table["patient_id"].isin(fit)]
        ids = {name: "again " + known[name] for name in ("case_id", "patient_id")}
        twice = {name: "twice " + known[name] for name in ("case_id", "patient_id")}
        table = pd.concat([known, known.assign(**ids), known.assign(**twice)])
    features = ["feature_a"] if method == "value" else None
    calibrated = sq.OneClass(method, features, false_alarm=ALARM).calibrate(table, fit)
    judged = calibrated.judge(drawn(NEW, 1, structures, more=MORE))
    return int(judged.loc[judged["structure"] != "whole_case", "flagged"].sum())


@pytest.mark.parametrize("method", METHODS)
def test_good_cases_are_flagged_at_the_exact_rate(method: str) -> None:
    runs = RUNS.get(method, 16)
    low, high = band(runs)
    assert low <= false_alarms(method, runs) <= high


# not the forest: its random splits hardly remember the cases it was fitted on
@pytest.mark.parametrize("method", ["mahalanobis", "nearest", "svm"])
def test_twin_calibrated_on_the_cases_it_was_fitted_on_flags_too_many(method: str) -> None:
    _, high = band(16)
    assert false_alarms(method, 16, fitted_again=True) > high


def test_whole_cases_are_flagged_at_the_exact_rate_and_the_twin_of_any_structure_is_not() -> None:
    both = ("liver", "spleen")
    table = drawn(1_200, 0, both)
    calibrated = sq.OneClass(false_alarm=ALARM).calibrate(table, table["patient_id"][:400])
    judged = calibrated.judge(drawn(1_000, 1, both)).pivot(
        index="case_id", columns="structure", values="flagged"
    )
    rank = alarm_rank(1_000, ALARM)
    low, high = betabinom(1_000, rank, 1_001 - rank).ppf([TAIL, 1.0 - TAIL])
    assert low <= judged["whole_case"].sum() <= high
    assert judged[list(both)].any(axis=1).sum() > 1.2 * high


def test_given_one_calibration_false_alarms_are_beta_binomial() -> None:
    rank, seen = alarm_rank(CALIBRATION, ALARM), []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        ranks = conformal_ranks(rng.normal(size=CALIBRATION), rng.normal(size=50))
        seen.append(int((ranks <= rank).sum()))
    law = betabinom(50, rank, CALIBRATION + 1 - rank)
    jitter = np.random.default_rng(0).random(400)
    uniform = law.cdf(np.array(seen) - 1) + jitter * law.pmf(seen)
    assert kstest(uniform, "uniform").pvalue > 0.01
    without_calibration = np.random.default_rng(1).binomial(50, rank / (CALIBRATION + 1), 400)
    twin = law.cdf(without_calibration - 1) + jitter * law.pmf(without_calibration)
    assert kstest(twin, "uniform").pvalue < 0.01


STRUCTURES = tuple(f"s{number:02d}" for number in range(30))  # each an experiment of its own


def batch(bad: int, false_discovery: float | None) -> pd.DataFrame:
    """Judge 30 good cases and some bad ones, of each structure independently."""
    calibrated = sq.OneClass("value", ["feature_a"], false_alarm=0.2).calibrate(
        drawn(80, 0, STRUCTURES)
    )
    new = pd.concat([drawn(30, 1, STRUCTURES), drawn(bad, 2, STRUCTURES, away=4.0)])
    judged = calibrated.judge(new, false_discovery)
    judged = judged[judged["structure"] != "whole_case"]
    return judged.assign(good=judged["case_id"].str.startswith("c1-"))


def false_discoveries(judged: pd.DataFrame) -> float:
    """Return the mean over structures of the share of good cases among the flagged."""
    flagged = judged[judged["flagged"]].groupby("structure")["good"].mean()
    return float(flagged.reindex(STRUCTURES, fill_value=0.0).mean())


def test_of_a_batch_few_of_the_flagged_are_good() -> None:
    judged = batch(10, false_discovery=0.2)
    share = 0.2 * 30 / 40  # q times the share of good cases
    assert false_discoveries(judged) <= share + 2.5 * 0.15 / np.sqrt(len(STRUCTURES))
    assert judged.loc[~judged["good"], "flagged"].mean() > 0.8
    all_good = batch(0, false_discovery=0.2)
    assert false_discoveries(all_good) <= 0.2 + 2.5 * 0.4 / np.sqrt(len(STRUCTURES))


def test_twin_flagging_case_by_case_bounds_no_false_discoveries() -> None:
    assert false_discoveries(batch(0, false_discovery=None)) > 0.9


def test_a_batch_counts_one_case_of_each_patient() -> None:
    calibrated = sq.OneClass("value", ["feature_a"]).calibrate(drawn(80, 0))
    once = drawn(4, 1, away=9.0)
    often = pd.concat([once, once.assign(case_id="again " + once["case_id"])])
    judged = calibrated.judge(often, false_discovery=0.1)
    assert judged["flagged"].sum() == 4
    beside = judged[~judged["flagged"]]
    assert beside["message"].str.contains("another case of this patient").all()
    assert (beside["p_value"] == 1 / 81).all()
    few = sq.OneClass("value", ["feature_a"]).calibrate(drawn(8, 0))
    said = few.judge(once, false_discovery=0.1)
    assert not said["flagged"].any()
    assert said["message"].str.contains("at least 9 good calibration patients").all()
