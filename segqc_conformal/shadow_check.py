"""The shadow check: fresh labelled patients that calibrate nothing and can only veto a version."""

from __future__ import annotations

import pandas as pd
from scipy.stats import binom

from segqc_conformal.calibrators.interval_certificate import IntervalCertificate
from segqc_conformal.errors import CalibrationError, InputError
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.monitors.coverage_bound import coverage_bound
from segqc_conformal.patients import stable_hash
from segqc_conformal.verdict_table import NO_PROMISE
from segqc_conformal.whole_case import worst_dice

__all__ = ["shadow_check", "shadow_patients"]

SHARE = 0.2
FEWEST_FRESH = 100  # patients; of fewer none can be spared
LEVEL = 0.01


def shadow_patients(patients: pd.Series, seed: int) -> list[str]:
    """Return the fresh patients that are kept for the check: one in five of 100 or more.

    Examples
    --------
    >>> names = pd.Series([f"p{number}" for number in range(100)])
    >>> len(shadow_patients(names, seed=0)), len(shadow_patients(names[1:], seed=0))
    (20, 0)
    """
    names = sorted(patients.unique(), key=lambda name: stable_hash(seed, f"shadow:{name}"))
    return names[: int(SHARE * len(names))] if len(names) >= FEWEST_FRESH else []


def shadow_check(gate: CalibratedGate, table: pd.DataFrame) -> None:
    """Refuse a new version that patients it never saw speak against.

    Parameters
    ----------
    gate : CalibratedGate
        The new version, not yet in force.
    table : DataFrame
        Feature table with ``dice`` of the patients kept for the check, one case each.

    Raises
    ------
    CalibrationError
        If, for one structure or the whole case, intervals miss more often, or more accepted cases
        are bad, than the promise allows at the 1 % level.

    Notes
    -----
    Guarantee: a version calibrated on draws of the population of these patients is refused with
    probability at most 2 % + the delta of its accept promises and PAC intervals: exact binomial
    tests of miscoverage at alpha + the margin of `coverage_bound`, and of the accepted error at
    alpha; all tests together at 1 %, all margins together at 1 %. It clears nothing: a version
    that passes is promised what its certificate says, no more.
    """
    verdicts = gate.judge(table)
    verdicts["dice"] = _true_dice(verdicts, table)
    known = verdicts[verdicts["dice"].notna()]
    share = LEVEL / max(1, known["structure"].nunique())
    tests = [
        test
        for name, rows in known.groupby("structure", sort=False)
        for test in (_missed(gate, str(name), rows, share), _bad(gate, str(name), rows))
        if test is not None
    ]
    broken = [
        f"{what}: {wrong} of {cases} (at most {bound:.3g} is promised)"
        for what, wrong, cases, bound in tests
        if binom.sf(wrong - 1, cases, bound) < LEVEL / len(tests)
    ]
    if broken:
        raise CalibrationError(
            "a new version that the patients kept for its check do not speak against",
            "; ".join(broken),
            "check that labels and features belong together and come from one population; nothing "
            "was switched",
        )


def _true_dice(verdicts: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    keys = pd.MultiIndex.from_frame(verdicts[["case_id", "structure"]])
    dice = table.set_index(["case_id", "structure"])["dice"].reindex(keys).to_numpy()
    whole = verdicts["case_id"].map(worst_dice(table))
    return pd.Series(dice, verdicts.index).where(verdicts["structure"] != "whole_case", whole)


def _missed(
    gate: CalibratedGate, name: str, rows: pd.DataFrame, d_certificate: float
) -> tuple[str, int, int, float] | None:
    certificate = gate.certificate.structures[name].interval
    rows = rows[~rows["reason"].isin(NO_PROMISE)]
    if not isinstance(certificate, IntervalCertificate) or rows.empty:
        return None
    try:
        bound = coverage_bound(certificate, d_certificate).bound
    except InputError:
        return None  # by group: each has too few patients of its own here
    missed = ~rows["dice"].between(rows["dice_low"], rows["dice_high"])
    return f"miscoverage of {name}", int(missed.sum()), len(rows), bound


def _bad(gate: CalibratedGate, name: str, rows: pd.DataFrame) -> tuple[str, int, int, float] | None:
    settings, accepted = gate.certificate.settings, rows[rows["accept"].astype(bool)]
    if accepted.empty:
        return None
    bad = int((accepted["dice"] <= settings["dice_threshold"]).sum())
    return f"accepted error of {name}", bad, len(accepted), settings["tolerated_error"]
