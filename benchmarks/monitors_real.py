"""Real volumes and tiles whose kind changes in mid-stream: when WATCH and HARM notice.

In each split some patients fit, some calibrate, and the others come one by one in a random order,
each once: first scans as in the calibration, half of them degraded, then a kind never seen. Audits
are drawn at random from all cases at one rate. Hippocampus has too few patients for audits until
HARM: there, and for audits alone, the new patients of a split are drawn with replacement.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import hippocampus_cases
import nuclei_cases
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from monitors_check import FALSE_ALARM, delay_row
from numpy.typing import NDArray

import segqc_conformal as sq
from segqc_conformal.monitors import (
    AcceptedErrorWatch,
    CoverageWatch,
    case_streams,
    coverage_bound,
    start_watch,
)
from segqc_conformal.whole_case import deciding_rows

DICE_THRESHOLD = 0.8
TOLERATED_ERROR = 0.2  # at 0.1 so few patients seldom certify a threshold
RATES = (1.0, 0.25)
MOST_CASES = 4_000  # the horizon of 1,000 audits at the smaller rate
SITE = "one laboratory"  # the change comes unannounced: not as a site of its own


class DataSet(NamedTuple):
    """A feature table, the version that is new, and how many patients do what in each split."""

    name: str
    table: Callable[[], pd.DataFrame]
    changed: str
    fit: int
    calibration: int
    quiet: int
    replace: bool  # whether audited cases are drawn with replacement


class Split(NamedTuple):
    """Rows that fit or calibrate, who of them fits, and the rows of cases to come."""

    labelled: pd.DataFrame
    fit_patients: list[str]
    quiet: pd.DataFrame
    new: pd.DataFrame


class Judged(NamedTuple):
    """Deciding rows of new cases, and what `ExchangeabilityWatch` sees of them."""

    rows: pd.DataFrame
    streams: pd.DataFrame


def hippocampus() -> pd.DataFrame:
    """Clean, degraded and changed volumes of the patients that no model has seen."""
    patients = hippocampus_cases.held_out_patients(hippocampus_cases.image_folders()[0])
    wanted = [(patient, v) for patient in patients for v in hippocampus_cases.VERSIONS]
    ensemble = sq.DeepEnsemble(hippocampus_cases.members())
    return hippocampus_cases.features(wanted, ensemble).assign(site=SITE)


def nuclei() -> pd.DataFrame:
    """Clean and degraded fluorescence, and stained and bright-field tissue."""
    wanted = [pair for v in ("clean", "degraded", "shifted") for pair in nuclei_cases.wanted(v)]
    table = sq.extract_features(
        nuclei_cases.TileCases(wanted),
        None,
        sq.DeepEnsemble(nuclei_cases.members()),
        structures=nuclei_cases.STRUCTURES,
        resume_folder=hippocampus_cases.cache_folder().parent / "nuclei" / "features",
    )
    version = table["case_id"].str.rsplit("-", n=1).str[1]
    return table.assign(version=version, site=SITE)


DATA_SETS = {
    "hippocampus": DataSet("hippocampus", hippocampus, "changed", 60, 80, 40, replace=True),
    "nuclei": DataSet("nuclei", nuclei, "shifted", 150, 150, 100, replace=False),
}


def drawn_split(data: DataSet, table: pd.DataFrame, rng: np.random.Generator) -> Split:
    """Draw who fits, who calibrates and who comes later; each patient does one of these."""
    known = table[table["version"] != data.changed]
    patients = rng.permutation(known["patient_id"].unique())
    version = dict(zip(patients, rng.choice(["clean", "degraded"], patients.size), strict=True))
    mixed = known[known["version"] == known["patient_id"].map(version)]
    taken = data.fit + data.calibration
    coming = patients[taken:]
    changed = table[table["version"] == data.changed]
    if changed["patient_id"].isin(patients).any():  # the same patients, scanned otherwise
        changed = changed[changed["patient_id"].isin(coming[data.quiet :])]
    return Split(
        mixed[mixed["patient_id"].isin(patients[:taken])],
        list(patients[: data.fit]),
        mixed[mixed["patient_id"].isin(coming[: data.quiet])],
        changed,
    )


def split_of(data: DataSet, table: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Calibrate on some patients and let the others come; say when what is noticed."""
    rng = np.random.default_rng(seed)
    split = drawn_split(data, table, rng)
    gate = sq.QualityGate(dice_threshold=DICE_THRESHOLD, tolerated_error=TOLERATED_ERROR)
    calibrated = gate.calibrate(split.labelled, fit_patients=split.fit_patients)
    quiet = _judged(calibrated, split.quiet)
    new = _judged(calibrated, split.new)
    return {
        "watch": _watch(calibrated, quiet, new, rng),
        "harm": {rate: _harm(data, calibrated, quiet, new, rate, rng) for rate in RATES},
        "accepted_harm": _accepted_harm(data, quiet, new, rng),
        "accepted": [float(each.rows["accept"].mean()) for each in (quiet, new)],
        "missed": [float((~each.rows["covered"]).mean()) for each in (quiet, new)],
        "tested": _coverage_watch(calibrated).coverage.bound,
        "accepted_bad": int((new.rows["accept"] & new.rows["bad"]).sum()),
        "cases": len(new.rows),
        "audited": MOST_CASES if data.replace else len(new.rows),
    }


def _judged(gate: sq.CalibratedGate, table: pd.DataFrame) -> Judged:
    verdicts = gate.judge(table)
    rows = verdicts[deciding_rows(verdicts)].set_index("case_id")
    dice = table.groupby("case_id")["dice"].min().reindex(rows.index)  # of the worst structure
    covered = (dice >= rows["dice_low"]) & (dice <= rows["dice_high"])
    features = [name for name in table.columns if name.startswith("feature_")]
    joined = verdicts.merge(table[["case_id", "structure", *features]], "left")
    bad = dice <= DICE_THRESHOLD
    return Judged(rows.assign(covered=covered, bad=bad), case_streams(joined))


def _watch(
    gate: sq.CalibratedGate, quiet: Judged, new: Judged, rng: np.random.Generator
) -> dict[str, Any]:
    watch = start_watch(gate.profile, seed=int(rng.integers(2**31)), false_alarm=FALSE_ALARM)
    first: str | None = None
    for judged in (quiet, new):
        for place in rng.permutation(len(judged.streams)):
            case = judged.streams.iloc[place]
            state = watch.update(dict(case), str(case.name), site=SITE)
            if state.alarm and first is None:
                first = state.located[0]
    at = np.inf if state.alarmed_at is None else state.alarmed_at
    return {"time": float(at), "quiet": len(quiet.streams), "first": first}


def _coverage_watch(gate: sq.CalibratedGate) -> CoverageWatch:
    structures = gate.certificate.structures
    deciding = structures.get("whole_case") or next(iter(structures.values()))
    return CoverageWatch(coverage_bound(deciding.interval, FALSE_ALARM))


def _harm(
    data: DataSet,
    gate: sq.CalibratedGate,
    quiet: Judged,
    new: Judged,
    rate: float,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Case and audit, since the change, at which audits of all cases show missed intervals."""
    watch = _coverage_watch(gate)
    for covered in _drawn(data, quiet, "covered", len(quiet.rows), rng):
        if rng.random() < rate:
            watch.update(bool(covered), "quiet", stratum="all/A")
    before = watch.audits
    if watch.state().alarm:
        return {"case": 0.0, "audit": 0.0}
    for number, covered in enumerate(_drawn(data, new, "covered", MOST_CASES, rng), start=1):
        if watch.audits == watch.horizon:
            break
        if rng.random() < rate and watch.update(bool(covered), "new", stratum="all/A").alarm:
            return {"case": float(number), "audit": float(watch.audits - before)}
    return {"case": np.inf, "audit": np.inf}


def _accepted_harm(data: DataSet, quiet: Judged, new: Judged, rng: np.random.Generator) -> float:
    """Case, since the change, at which audits of all accepted cases show bad ones; inf: none."""
    watch = AcceptedErrorWatch(TOLERATED_ERROR, false_alarm=FALSE_ALARM)
    for judged, length in ((quiet, len(quiet.rows)), (new, MOST_CASES)):
        places = _places(data, judged, length, rng)
        accepted = judged.rows["accept"].to_numpy(dtype=bool)[places]
        bad = judged.rows["bad"].to_numpy(dtype=bool)[places]
        for number in np.flatnonzero(accepted):
            if watch.update(bool(bad[number]), "case", stratum="accepted/A").alarm:
                return float(number + 1) if judged is new else 0.0
    return np.inf


def _drawn(
    data: DataSet, judged: Judged, column: str, most: int, rng: np.random.Generator
) -> NDArray[Any]:
    return np.asarray(judged.rows[column].to_numpy()[_places(data, judged, most, rng)])


def _places(
    data: DataSet, judged: Judged, most: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    if data.replace:
        return rng.integers(len(judged.rows), size=most)
    return rng.permutation(len(judged.rows))


def measured(splits: int, seed: int, processes: int) -> dict[str, Any]:
    """Stream every data set in many splits."""
    found = {}
    for name, data in DATA_SETS.items():
        table = data.table()
        results = Parallel(n_jobs=processes, verbose=1)(
            delayed(_quietly)(data, table, seed + split) for split in range(splits)
        )
        found[name] = summary(results)
    return found


def _quietly(data: DataSet, table: pd.DataFrame, seed: int) -> dict[str, Any]:
    warnings.simplefilter("ignore")  # quality predictors that are not chosen may not converge
    return split_of(data, table, seed)


def summary(splits: list[dict[str, Any]]) -> dict[str, Any]:
    """Delays over the splits of one data set, and the curves of the figure."""
    watch = [each["watch"] for each in splits]
    quiet = watch[0]["quiet"]
    harm = {
        str(rate): {
            unit: delay_row([each["harm"][rate][unit] for each in splits], 0)
            for unit in ("case", "audit")
        }
        for rate in RATES
    }
    firsts = pd.Series([each["first"] for each in watch]).value_counts()
    accepted_after = round(sum(each["accepted"][1] * each["cases"] for each in splits))
    tested = np.median([each["tested"] for each in splits])
    return {
        "splits": len(splits),
        "quiet": quiet,
        "changed": splits[0]["cases"],
        "watch": delay_row([each["time"] for each in watch], quiet),
        "first_streams": {str(name): int(count) for name, count in firsts.head(3).items()},
        "harm": harm,
        "accepted_harm": delay_row([each["accepted_harm"] for each in splits], 0),
        "accepted": np.mean([each["accepted"] for each in splits], axis=0).tolist(),
        "accepted_bad": sum(each["accepted_bad"] for each in splits) / max(1, accepted_after),
        "missed": np.mean([each["missed"] for each in splits], axis=0).tolist(),
        "tested": float(tested),
        "above": int(sum(each["missed"][1] > each["tested"] for each in splits)),
        "curves": {
            "WATCH": _curve([each["time"] - quiet for each in watch], splits[0]["cases"]),
            **{
                f"HARM, audits at rate {rate:g}": _curve(
                    [each["harm"][rate]["case"] for each in splits], splits[0]["audited"]
                )
                for rate in RATES
            },
        },
    }


def _curve(delays: list[float], until: int) -> dict[str, Any]:
    """Delays of the splits that alarmed after the change, of how many, and how long they ran."""
    after = [delay for delay in delays if delay > 0]
    found = sorted(int(each) for each in after if each < np.inf)
    return {"delays": found, "of": len(after), "until": until}
