"""One accept threshold per group of patients; groups too small for one form "other"."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.accept_certificate import AcceptCertificate
from segqc_conformal.calibrators.checks import finite_array
from segqc_conformal.calibrators.group_codes import group_codes
from segqc_conformal.calibrators.labelled_scores import LabelledScores
from segqc_conformal.calibrators.threshold_tests import threshold_tests
from segqc_conformal.errors import InputError

__all__ = ["TEST_OF_OTHER", "GroupSplit", "GroupedAcceptCertificate", "split_groups"]

TEST_OF_OTHER = "betting"  # holds for patients of given groups, who are no draws of one population


@dataclass(frozen=True)
class GroupedAcceptCertificate:
    """Accept thresholds by group: what `AcceptThreshold.calibrate` returns with groups.

    Parameters
    ----------
    own : dict of str to AcceptCertificate
        Groups with enough patients for a threshold of their own.
    other : AcceptCertificate or None
        The small groups together; None: there are none, or too few patients even so.
    small : tuple of str
        The small groups.
    patients : dict of str to int
        Calibration patients of every group seen.

    Notes
    -----
    Guarantee: that of each certificate for its group, each on its own or, with ``family="all"``,
    all together. A group is small if even all its patients, accepted and none bad, could not
    certify if no other threshold passes. For "other" the promise is about the mixture of the small
    groups in the proportions of this calibration, by `betting_p_value`, which holds for
    independent patients of different groups too (the exact binomial test does not); with weights
    there is no "other". A group not seen in calibration is referred.
    Nothing is ever borrowed from all patients pooled.
    """

    own: dict[str, AcceptCertificate]
    other: AcceptCertificate | None
    small: tuple[str, ...]
    patients: dict[str, int]

    @property
    def threshold(self) -> dict[str, float | None]:
        """Threshold of each group seen; None: refer."""
        other = None if self.other is None else self.other.threshold
        own = {name: certificate.threshold for name, certificate in self.own.items()}
        return {**dict.fromkeys(self.small, other), **own}

    @property
    def certified(self) -> bool:
        """Whether some cases of some group can be accepted."""
        return any(certificate.certified for certificate in self.by_group.values())

    @property
    def by_group(self) -> dict[str, AcceptCertificate]:
        """The certificates by name; "other" is that of the small groups, where there is one."""
        return {**self.own, **({} if self.other is None else {"other": self.other})}

    def of_group(self, group: str | None) -> AcceptCertificate | None:
        """Return the certificate that judges a group; None: unseen, or too few patients."""
        small = self.other if group in self.small else None
        return self.own.get(group, small) if group is not None else None

    @property
    def patients_needed(self) -> dict[str, int | None]:
        """`AcceptCertificate.patients_needed` of each group with a certificate."""
        other = {} if self.other is None else {"other": self.other.patients_needed}
        return {**{name: c.patients_needed for name, c in self.own.items()}, **other}

    def accept(self, accept_score: ArrayLike, groups: ArrayLike) -> NDArray[np.bool_]:
        """Return which cases are accepted.

        Parameters
        ----------
        accept_score : array_like of float, shape (cases,)
            Accept scores; -inf for an empty prediction.
        groups : array_like, shape (cases,)
            Group of each case; an unseen or missing group is referred.

        Returns
        -------
        ndarray of bool, shape (cases,)

        Notes
        -----
        Guarantee: see `promise`.
        """
        scores = finite_array("accept score", accept_score)
        codes, names = group_codes(groups, scores.size)
        found = self.threshold
        limits = [found.get(name) for name in names]
        # no score is >= NaN: that group, and the last entry (a missing one), is referred
        by_group = np.array([*(np.nan if limit is None else limit for limit in limits), np.nan])
        return np.asarray(scores >= by_group[codes])

    @property
    def promise(self) -> str:
        """What holds for each group, one line each."""
        if not self.patients:
            return "No patient of any group calibrated an accept threshold: every case is referred."
        lines = [certificate.promise for certificate in self.own.values()]
        if self.other is not None:
            lines.append(self.other.promise)
        elif self.small:
            lines.append(f"Too few patients for a threshold, so referred: {', '.join(self.small)}.")
        return "\n".join([*lines, "A group that calibration did not see is referred."])

    def to_json(self) -> str:
        """Return the certificates as JSON."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> GroupedAcceptCertificate:
        """Read certificates written by `to_json`."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> GroupedAcceptCertificate:
        """Read the parsed JSON of the certificates."""
        other = fields["other"]
        return cls(
            {name: AcceptCertificate.from_dict(entry) for name, entry in fields["own"].items()},
            None if other is None else AcceptCertificate.from_dict(other),
            tuple(fields["small"]),
            dict(fields["patients"]),
        )


@dataclass(frozen=True)
class GroupSplit:
    """Calibration cases by group, and those of the small groups together."""

    own: dict[str, LabelledScores]
    other: LabelledScores | None
    small: tuple[str, ...]
    patients: dict[str, int]


def split_groups(
    sample: LabelledScores,
    groups: ArrayLike,
    tolerated_error: float,
    lone_delta: Callable[[str], float],
    test: str,
    *,
    together: bool = False,
) -> GroupSplit:
    """Split calibration cases by group; which groups are small depends on counts alone.

    Parameters
    ----------
    sample : LabelledScores
    groups : array_like, shape (cases,)
        Group of each case, read as text; a missing group is refused, and weights where small
        groups would be pooled.
    tolerated_error : float
    lone_delta : callable
        Of the name of a group: the level left for one threshold if no other passes.
    test : {"binomial", "betting"}
        With alpha and that level it decides how many patients a threshold needs at the least.
    together : bool
        Whether the promises, "other" among them, share that level equally.

    Notes
    -----
    Guarantee: none by itself; see `GroupedAcceptCertificate`.

    Examples
    --------
    >>> sample = LabelledScores(np.ones(60), np.zeros(60, bool), np.arange(60), None)
    >>> split = split_groups(sample, ["A"] * 30 + ["B"] * 15 + ["C"] * 15, 0.1, lambda name: 0.1,
    ...                      "binomial")
    >>> list(split.own), split.small, split.other.patient_count
    (['A'], ('B', 'C'), 30)
    """
    codes, names = _calibration_codes(groups, sample.scores.size)
    # sorted, so that a certificate reads the same after a round trip through JSON
    parts = {names[i]: sample.rows(codes == i) for i in np.argsort(names)}
    patients = {name: part.patient_count for name, part in parts.items()}

    smallest = {name: _smallest_p(patients[name], tolerated_error, test) for name in parts}
    level = {name: lone_delta(name) for name in parts}
    # the fewer promises share delta, the more groups can have one: the first number that suffices
    for promises in range(1, max(len(parts), 1) + 1):
        own = {name: parts[name] for name in parts if smallest[name] <= level[name] / promises}
        if not together or len(own) + (len(own) < len(parts)) <= promises:
            break
    small = tuple(name for name in parts if name not in own)
    other = sample.rows(np.isin(codes, [names.index(name) for name in small]))
    best = _smallest_p(other.patient_count, tolerated_error, TEST_OF_OTHER)
    if best > lone_delta("other") / promises:
        return GroupSplit(own, None, small, patients)
    _refuse_weights(sample, small)
    return GroupSplit(own, other, small, patients)


def _smallest_p(patients: int, tolerated_error: float, test: str) -> float:
    good = LabelledScores(np.zeros(patients), np.zeros(patients, bool), np.arange(patients))
    return threshold_tests(good, np.zeros(1), tolerated_error, test)[0].p_value


def _calibration_codes(groups: ArrayLike, cases: int) -> tuple[NDArray[np.intp], list[str]]:
    codes, names = group_codes(groups, cases)
    if (codes < 0).any():
        row = int(np.flatnonzero(codes < 0)[0])
        raise InputError("a group for each case", f"none in row {row}", "name the group, or drop")
    if "other" in names:
        raise InputError(
            "groups with names of their own", 'a group named "other"', "it names the small groups"
        )
    return codes, names


def _refuse_weights(sample: LabelledScores, small: tuple[str, ...]) -> None:
    if sample.weights is not None:
        raise InputError(
            "no weights where small groups would be pooled",
            f"weights, and too few patients for a threshold of their own in {', '.join(small)}",
            "leave these groups out: their cases are then referred",
        )
