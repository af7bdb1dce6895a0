"""Everything `segqc plan` says: how many labelled patients for which promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from segqc_conformal.calibrators.checks import check_open_unit
from segqc_conformal.calibrators.planning import calibration_size
from segqc_conformal.calibrators.worst_shift import tolerable_shift, usual_limit
from segqc_conformal.canonical_json import canonical_json
from segqc_conformal.coverage_spread import CoverageSpread, coverage_spread
from segqc_conformal.pilot_plan import PilotPlan
from segqc_conformal.plan import fewest_accepted
from segqc_conformal.promise_needs import PromiseNeed, promise_needs

__all__ = ["LookSizes", "PlannedShift", "PlannedSize", "StudyPlan", "study_plan"]

SHARES = (0.3, 0.5, 0.7, 0.9)
ERRORS_OF_TOLERATED = (0.0, 0.2, 0.4, 0.6)
CURVE = tuple(round(0.1 * step, 1) for step in range(1, 11))
PATIENTS = (*range(5, 60), *range(60, 200, 5), *range(200, 1001, 25))
LOOKS = (1, 2, 3)


@dataclass(frozen=True)
class PlannedSize:
    """Calibration patients for an 80 % chance to certify, at an accepted share and an error."""

    accepted_share: float
    error: float
    patients: int | None


@dataclass(frozen=True)
class LookSizes:
    """The same at one accepted share: if one look is taken, and at each of many declared ones."""

    error: float
    one_look: int | None
    many_looks: tuple[int | None, ...]


@dataclass(frozen=True)
class PlannedShift:
    """Largest shift (total variation, over all patients) that keeps a promise below a limit."""

    promise: str
    accepted_share: float
    promised: float
    limit: float
    shift: float


@dataclass(frozen=True)
class StudyPlan:
    """How many labelled patients for which promise; all numbers count calibration patients.

    Parameters
    ----------
    tolerated_error, confidence, miscoverage : float
        Of the promises.
    accepted_share, error_among_accepted : float
        Assumed where one pair is needed.
    needs : tuple of PromiseNeed
    accepted : tuple of int or None
        Accepted patients that certify with 0, 1, 2 and 3 bad ones among them.
    sizes, curves : tuple of PlannedSize
        A few accepted shares and errors, and many shares.
    looks : tuple of LookSizes
        At `accepted_share`.
    coverage, pac_coverage : tuple of CoverageSpread
        Of the interval averaged over calibrations, and of the one with confidence.
    shifts : tuple of PlannedShift
    pilot : tuple of PilotPlan
        One for each structure of a labelled pilot; empty without one.

    Notes
    -----
    Guarantee: none; planning figures under assumed shares.
    """

    tolerated_error: float
    confidence: float
    miscoverage: float
    accepted_share: float
    error_among_accepted: float
    needs: tuple[PromiseNeed, ...]
    accepted: tuple[int | None, ...]
    sizes: tuple[PlannedSize, ...]
    curves: tuple[PlannedSize, ...]
    looks: tuple[LookSizes, ...]
    coverage: tuple[CoverageSpread, ...]
    pac_coverage: tuple[CoverageSpread, ...]
    shifts: tuple[PlannedShift, ...]
    pilot: tuple[PilotPlan, ...]

    def to_json(self) -> str:
        """Return every number as canonical JSON."""
        return canonical_json(asdict(self))


def study_plan(
    tolerated_error: float = 0.1,
    confidence: float = 0.9,
    miscoverage: float = 0.1,
    accepted_share: float | None = None,
    error_among_accepted: float | None = None,
    pilot: Sequence[PilotPlan] = (),
) -> StudyPlan:
    """Plan the labelled patients for every promise.

    Parameters
    ----------
    tolerated_error, confidence, miscoverage : float
        alpha and 1 - delta of the accept promise, and alpha of the interval, in (0, 1).
    accepted_share, error_among_accepted : float, optional
        Share of cases you expect to be accepted, and of bad ones among them, in [0, 1]; None: a
        grid of them, and 0.5 and a fifth of the tolerated error where one pair is needed.
    pilot : sequence of PilotPlan
        What `sizes_from_pilot` says of a labelled pilot.

    Returns
    -------
    StudyPlan

    Raises
    ------
    InputError
        For settings that are no shares.

    Notes
    -----
    Guarantee: none; planning figures.

    Examples
    --------
    >>> plan = study_plan()
    >>> plan.accepted, [size.patients for size in plan.sizes if size.accepted_share == 0.5]
    ((22, 38, 52, 65), [49, 98, 193, 464])
    """
    check_open_unit(tolerated_error=tolerated_error, confidence=confidence, miscoverage=miscoverage)
    promises = tolerated_error, confidence
    shares = SHARES if accepted_share is None else (accepted_share,)
    errors = (
        tuple(round(part * tolerated_error, 6) for part in ERRORS_OF_TOLERATED)
        if error_among_accepted is None
        else (error_among_accepted,)
    )
    share = 0.5 if accepted_share is None else accepted_share
    error = 0.2 * tolerated_error if error_among_accepted is None else error_among_accepted
    return StudyPlan(
        tolerated_error=tolerated_error,
        confidence=confidence,
        miscoverage=miscoverage,
        accepted_share=share,
        error_among_accepted=round(error, 6),
        sizes=_sizes(shares, errors, *promises),
        curves=_sizes(CURVE, errors, *promises),
        needs=promise_needs(*promises, miscoverage, share, error),
        accepted=tuple(fewest_accepted(bad, *promises) for bad in range(4)),
        looks=tuple(_looks(share, each, *promises) for each in errors),
        coverage=_spreads(miscoverage, None),
        pac_coverage=_spreads(miscoverage, confidence),
        shifts=_shifts(shares, tolerated_error, miscoverage),
        pilot=tuple(pilot),
    )


def _sizes(
    shares: Sequence[float], errors: Sequence[float], tolerated_error: float, confidence: float
) -> tuple[PlannedSize, ...]:
    return tuple(
        PlannedSize(share, error, calibration_size(share, error, tolerated_error, confidence))
        for share in shares
        for error in errors
    )


def _looks(share: float, error: float, tolerated_error: float, confidence: float) -> LookSizes:
    one = calibration_size(share, error, tolerated_error, confidence)
    many = tuple(
        calibration_size(share, error, tolerated_error, confidence, looks="many", look=look)
        for look in LOOKS
    )
    return LookSizes(error, one, many)


def _spreads(miscoverage: float, confidence: float | None) -> tuple[CoverageSpread, ...]:
    found = (coverage_spread(patients, miscoverage, confidence) for patients in PATIENTS)
    return tuple(spread for spread in found if spread is not None)


def _shifts(
    shares: Sequence[float], tolerated_error: float, miscoverage: float
) -> tuple[PlannedShift, ...]:
    kinds = [("interval", 1.0, miscoverage), *(("accept", s, tolerated_error) for s in shares)]
    return tuple(
        PlannedShift(kind, share, rate, limit, tolerable_shift(rate, limit, share))
        for kind, share, rate in kinds
        if share > 0.0
        for limit in [usual_limit(rate)]
    )
