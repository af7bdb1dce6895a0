import json

import numpy as np
import pandas as pd
import pytest
import typer
from scipy.stats import binom
from typer.testing import CliRunner, Result

from segqc_conformal.cli.plan import plan
from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.features.table import write_table
from segqc_conformal.patients import split_patients
from segqc_conformal.pilot_plan import sizes_from_pilot
from segqc_conformal.plan import fewest_accepted, fewest_for_interval

app = typer.Typer()
app.command()(plan)


def run(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, [str(word) for word in words])


def cells(result: Result, first: str) -> list[str]:
    line = next(line for line in result.stdout.splitlines() if line.startswith(f"│ {first} "))
    return [cell.strip() for cell in line.split("│")[2:-1]]


def pilot(patients: int = 120, noise: float = 0.1) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    quality = rng.normal(size=patients)
    number = np.arange(patients).astype(str)
    return pd.DataFrame(
        {
            "case_id": "c" + pd.Series(number),
            "patient_id": "p" + pd.Series(number),
            "structure": "lesion",
            "site": "A",
            "model_id": "m",
            "sampler_id": "s",
            "schema_version": "1",
            "judged": "fused",
            "dice": 1 / (1 + np.exp(-2.5 - quality)),
            "feature_quality": quality + noise * rng.normal(size=patients),
        }
    )


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.2, 0.37])
@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95])
def test_fewest_patients_by_counting_up(alpha, confidence):
    delta = round(1 - confidence, 10)
    # the largest of n errors covers a share (1 - alpha) with confidence if (1 - alpha)^n <= delta
    pac = next(n for n in range(1, 200) if (1 - alpha) ** n <= delta)
    assert fewest_for_interval(alpha, confidence) == pac
    for bad in range(4):
        by_count = next(n for n in range(1, 500) if binom.cdf(bad, n, alpha) <= delta)
        assert fewest_accepted(bad, alpha, confidence) == by_count


def test_fewest_patients_of_a_marginal_interval():
    # 1 / (n + 1) <= alpha
    assert [fewest_for_interval(alpha) for alpha in (0.5, 0.1, 0.05, 0.01)] == [1, 9, 19, 99]
    assert fewest_for_interval(1e-6) is None


def test_known_table_of_the_promises():
    result = run()
    assert result.exit_code == 0, result.output
    covers = "Interval covers 90 % of new patients,"
    assert cells(result, f"{covers} averaged over calibrations") == ["9"]
    assert cells(result, f"{covers} with 90 % confidence") == ["22"]
    found = [cells(result, f"  accepted patients, {bad} of them bad") for bad in ("none", 1, 2, 3)]
    assert found == [["22"], ["38"], ["52"], ["65"]]
    assert cells(result, "50 %") == ["49", "98", "193", "464"]
    assert "twice as many labelled patients" in " ".join(result.stdout.split())


def test_given_assumptions_replace_the_grid():
    result = run("--accepted-share", 0.5, "--error-among-accepted", 0.12)
    assert cells(result, "50 %") == ["no number does"]
    result = run("--accepted-share", 0.5, "--error-among-accepted", 0.02)
    assert cells(result, "50 %") == ["98"]


@pytest.mark.parametrize("option", ["--tolerated-error", "--confidence", "--miscoverage"])
def test_percentages_are_refused(option):
    assert isinstance(run(option, 10).exception, InputError)


def test_share_outside_0_to_1_is_refused():
    assert isinstance(run("--accepted-share", 50).exception, InputError)


def test_pilot_is_planned_from_without_a_look_at_calibration_labels(tmp_path):
    table = pilot()
    (before,) = sizes_from_pilot(table)
    _, calibration = split_patients(table["patient_id"])
    spoilt = table.assign(dice=table["dice"].where(~table["patient_id"].isin(calibration), 0.0))
    assert sizes_from_pilot(spoilt) == [before]
    assert (before.patients_seen, before.patients_left) == (60, 60)
    assert 22 <= before.patients_needed < 120
    write_table(table, tmp_path / "pilot.csv")
    result = run("--features", tmp_path / "pilot.csv")
    assert cells(result, "lesion")[-1] == str(before.patients_needed)


def test_useless_features_need_more_patients_than_good_ones():
    (good,), (useless,) = sizes_from_pilot(pilot()), sizes_from_pilot(pilot(noise=100.0))
    assert useless.patients_needed is None or useless.patients_needed > good.patients_needed


def test_tiny_pilot_is_refused():
    with pytest.raises(InputError, match="at least 20 labelled patients to plan from; received 12"):
        sizes_from_pilot(pilot(12))


def test_out_writes_a_page_and_the_same_numbers_beside_it(tmp_path):
    write_table(pilot(), tmp_path / "pilot.csv")
    words = ("--features", tmp_path / "pilot.csv", "--out", tmp_path / "plan.html")
    result = run("--tolerated-error", 0.2, *words)
    assert result.exit_code == 0, result.output
    numbers = json.loads((tmp_path / "plan.json").read_text("utf-8"))
    page = (tmp_path / "plan.html").read_text("utf-8")
    assert cells(result, "lesion")[-1] == str(numbers["pilot"][0]["patients_needed"])
    shown = [str(row["patients"]) for row in numbers["sizes"] if row["accepted_share"] == 0.5]
    assert cells(result, "50 %") == shown
    assert numbers["tolerated_error"] == 0.2
    assert all(f"<span>{count}</span>" in page for count in shown)
    assert "What the pilot says" in page


def test_a_page_of_another_kind_is_refused(tmp_path):
    result = run("--out", tmp_path / "plan.pdf")
    assert isinstance(result.exception, FileFormatError)
