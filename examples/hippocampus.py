"""The whole walk on real volumes: hippocampus MR and five trained U-Nets.

``SEGQC_DATA=... python examples/hippocampus.py`` (``--quick``: a few patients, at most 20 s).
60 patients fit the quality predictor, 80 others calibrate it, 80 more are judged; one scan in four,
at random, is degraded. 80 patients cannot show that few accepted masks are bad: the tolerated error
is 0.20 here. Then the scanner's contrast changes: the watch notices, fresh reference masks
recalibrate, and the new promise is tried out. ``SEGQC_DATA`` is explained in
``benchmarks/hippocampus_cases.py``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import pandas as pd
from hippocampus_cases import (
    STRUCTURES,
    features,
    held_out_patients,
    image_folders,
    load_case,
    members,
)

import segqc_conformal as sq
from segqc_conformal.evaluation import summarise, with_true_dice
from segqc_conformal.monitors import ExchangeabilityWatch
from segqc_conformal.monitors.quantise import quantile_edges
from segqc_conformal.patients import stable_hash
from segqc_conformal.reports.first_looks import cases_to_look_at
from segqc_conformal.reports.picture import Picture
from segqc_conformal.reports.slice_picture import mid_slice


@dataclass(frozen=True)
class Sizes:
    """How many patients do what; `quiet` of the judged ones come before the contrast changes."""

    fit: int = 60
    calibration: int = 80
    judged: int = 80
    quiet: int = 30
    tried_again: int = 80
    members: int = 5


QUICK = Sizes(fit=12, calibration=12, judged=12, quiet=3, tried_again=3, members=3)


def mixed(patients: Sequence[str]) -> list[tuple[str, str]]:
    """Say of each patient, by a hash, whether the scan is clean or (one in four) degraded."""
    return [(name, "degraded" if stable_hash(3, name) % 4 == 0 else "clean") for name in patients]


def changed(patients: Sequence[str]) -> list[tuple[str, str]]:
    """Take each patient's scan with the changed contrast."""
    return [(name, "changed") for name in patients]


def show(title: str, evaluation: pd.DataFrame) -> list[tuple[str, ...]]:
    """Print how the verdicts turned out; return the rows with their head."""
    rows = [("", "patients", "coverage", "mean width", "accepted", "error among accepted")]
    for structure, row in summarise(evaluation).iterrows():
        error = row["error_among_accepted"]
        rows.append(
            (
                str(structure),
                f"{row['patients']:.0f}",
                f"{row['coverage']:.3f}",
                f"{row['mean_width']:.3f}",
                f"{row['share_accepted']:.3f}",
                "-" if pd.isna(error) else f"{error:.3f}",
            )
        )
    print(f"\n{title}")
    for cells in rows:
        print("  " + "".join(f"{cell:<13}" for cell in cells).rstrip())
    return rows


def watch_stream(gate: sq.CalibratedGate, verdicts: pd.DataFrame, quiet: int) -> str:
    """Feed the accept score of each whole case to a watch; tell when it noticed."""
    profile = gate.profile[gate.profile["structure"] == "whole_case"].set_index("role")
    watch = ExchangeabilityWatch(horizon=1_000, false_alarm=0.05, primary="accept_score")
    watch.start(
        profile.loc[["calibration"], ["accept_score"]],
        edges={"accept_score": quantile_edges(profile.loc["fit", "accept_score"])},
    )
    stream = verdicts[verdicts["structure"] == "whole_case"]
    for row in stream.itertuples():
        state = watch.update(float(row.accept_score), case_id=row.case_id)
        if state.alarm:
            break
    if not state.alarm:
        return f"The contrast changed after case {quiet}; unnoticed in {len(stream)} cases."
    return (
        f"The contrast changed after case {quiet}; alarm at case {state.alarmed_at} "
        f"(change estimated at case {state.change_point})."
    )


def pictures(
    gate: sq.CalibratedGate, ensemble: sq.DeepEnsemble, evaluation: pd.DataFrame
) -> dict[str, Picture]:
    """Cut a slice of each case that the report wants looked at first."""
    judge = sq.JudgedModel(None, ensemble, gate, STRUCTURES)
    out = {}
    for case_id in cases_to_look_at(evaluation)["case_id"].unique():
        patient, version = case_id.rsplit("-", 1)
        case = load_case(patient, version, *image_folders())
        verdict = judge(case)
        if verdict.mask is not None:
            out[case_id] = mid_slice(
                case, verdict.mask, verdict.maps(["predictive_entropy"])["predictive_entropy"]
            )
    return out


def walk(sizes: Sizes, out: Path) -> None:
    """Extract, calibrate, judge, watch, recalibrate; write ``report.html``."""
    from segqc_conformal.reports.calibration_report import write_report

    ensemble = sq.DeepEnsemble(members(sizes.members))
    patients = held_out_patients(image_folders()[0])
    cut = sizes.fit + sizes.calibration
    fit, calibration = patients[: sizes.fit], patients[sizes.fit : cut]
    judged = patients[cut : cut + sizes.judged]

    settings = sq.QualityGate(tolerated_error=0.20)
    gate = settings.calibrate(features(mixed([*fit, *calibration]), ensemble), fit)
    gate.save(out / "calibration", by="example", reason="first calibration")
    print(f"quality predictor: {gate.certificate.quality['name']}")
    for name, entry in gate.certificate.structures.items():
        print(f"{name}: {entry.interval.promise}\n{name}: {entry.accept.promise}")

    new = features(mixed(judged), ensemble)
    evaluation = with_true_dice(gate.judge(new), new)
    first = show("New patients, before the change", evaluation)

    # from here on another contrast, of a kind that no calibration case had
    drifted = features(changed(judged[sizes.quiet :]), ensemble)
    quiet = new[new["patient_id"].isin(judged[: sizes.quiet])]
    verdicts = gate.judge(pd.concat([quiet, drifted], ignore_index=True))
    noticed = watch_stream(gate, verdicts, sizes.quiet)
    old = show("After the change, old promise", with_true_dice(gate.judge(drifted), drifted))
    print(f"\n{noticed}")

    # fresh reference masks; tried out on changed scans of the first calibration's patients
    renewed = sq.recalibrate(out / "calibration", drifted, by="example", reason=noticed)
    again = features(changed(calibration[: sizes.tried_again]), ensemble)
    then = show("After the change, new promise", with_true_dice(renewed.judge(again), again))

    story = [
        ("Before the contrast changed", first),
        ("After it, under the old promise", old),
        ("After it, recalibrated", then),
        ("Drift", [("what happened",), (noticed,)]),
    ]
    report = write_report(
        out / "report.html", gate, evaluation, pictures(gate, ensemble, evaluation), story=story
    )
    print(f"\nreport: {report}")


def main() -> None:
    """Read the options and walk."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("hippocampus-results"))
    parser.add_argument("--quick", action="store_true", help="few patients, at most 20 s")
    options = parser.parse_args()
    if (options.out / "calibration").exists():
        parser.error(f"{options.out} holds an earlier run: name another folder with --out")
    walk(QUICK if options.quick else Sizes(), options.out)


if __name__ == "__main__":
    main()
