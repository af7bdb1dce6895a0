import hashlib

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.patients import first_case_of_each_patient, split_patients, stable_hash


def test_the_hash_is_the_first_8_bytes_of_sha256_on_every_machine() -> None:
    expected = int(hashlib.sha256(b"7:p9").hexdigest()[:16], 16)
    assert stable_hash(7, "p9") == expected
    assert stable_hash(0, "a") != stable_hash(1, "a") != stable_hash(1, "b")


def brute_force(cases: pd.DataFrame, seed: int) -> list[str]:
    chosen = []
    for _, visits in cases.drop_duplicates("case_id").groupby("patient_id"):
        keys = [
            (pd.isna(time), 0 if pd.isna(time) else time.value, stable_hash(seed, case), case)
            for case, time in zip(visits["case_id"], visits["time"], strict=True)
        ]
        chosen.append(min(keys)[-1])
    return sorted(chosen)


@pytest.mark.parametrize("seed", range(6))
def test_the_first_case_is_that_of_a_brute_force_search_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    days = rng.integers(0, 3, 60)
    times = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(days, unit="D")
    cases = pd.DataFrame(
        {
            "case_id": [f"c{number}" for number in range(60)],
            "patient_id": [f"p{number}" for number in rng.integers(0, 20, 60)],
            "time": pd.Series(times).where(rng.random(60) < 0.7),
        }
    )
    expected = brute_force(cases, seed)
    assert first_case_of_each_patient(cases, seed) == expected
    twice = pd.concat([cases, cases]).sample(frac=1.0, random_state=seed)
    assert first_case_of_each_patient(twice, seed) == expected
    hashed = brute_force(cases.assign(time=pd.NaT), seed)
    assert first_case_of_each_patient(cases.drop(columns="time"), seed) == hashed


def test_no_cases_have_no_first() -> None:
    none = pd.DataFrame({"case_id": [], "patient_id": []}, dtype=str)
    assert first_case_of_each_patient(none) == []


@pytest.mark.parametrize("patients", [0, 1, 2, 3, 40, 101])
def test_a_split_is_disjoint_complete_and_cut_in_the_middle(patients: int) -> None:
    ids = pd.Series([f"p{number}" for number in range(patients)] * 2, dtype=str)
    fit, calibration = split_patients(ids)
    assert (len(fit), len(calibration)) == (patients // 2, patients - patients // 2)
    assert set(fit) | set(calibration) == set(ids)
    assert not set(fit) & set(calibration)
    assert split_patients(ids.sample(frac=1.0, random_state=1)) == (fit, calibration)
    assert [*fit, *calibration] == sorted(set(ids), key=lambda name: stable_hash(0, name))


def test_another_seed_splits_otherwise() -> None:
    ids = pd.Series([f"p{number}" for number in range(40)])
    assert split_patients(ids, 0) != split_patients(ids, 1)
