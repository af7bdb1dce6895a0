"""What each promise rests on, a row per structure and group, as terminal and page show it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from segqc_conformal.calibrators.accept_certificate import AcceptCertificate
from segqc_conformal.calibrators.accept_groups import GroupedAcceptCertificate
from segqc_conformal.calibrators.cross_certificate import CrossConformalCertificate
from segqc_conformal.certificate import StructureCertificate
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.plan import fewest_accepted
from segqc_conformal.planning_words import chance_in_words
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.reports.page import number
from segqc_conformal.shared_confidence import accept_level

__all__ = ["PromiseRow", "promise_rows"]


@dataclass(frozen=True)
class PromiseRow:
    """The numbers behind the promises about one structure in one group.

    Parameters
    ----------
    structure, group : str
        "all" without groups; "other" for the small groups that are certified together.
    members : tuple of str or None
        The groups it is about; None: there are no groups.
    entry : StructureCertificate
    accept : AcceptCertificate or None
        None: the group has too few patients to test any threshold.
    patients, patients_empty : int
        Calibration patients, and those of them whose prediction is empty.
    fewest : int or None
        Calibration patients without which no threshold can be certified; None: no number does.

    Notes
    -----
    Guarantee: none.
    """

    structure: str
    group: str
    members: tuple[str, ...] | None
    entry: StructureCertificate
    accept: AcceptCertificate | None
    patients: int
    patients_empty: int
    fewest: int | None

    @property
    def group_in_words(self) -> str:
        """The group; of small groups together, which."""
        together = self.members is not None and self.members != (self.group,)
        return f"{self.group} ({', '.join(self.members or ())})" if together else self.group

    @property
    def certified(self) -> bool:
        """Whether some cases of the group can be accepted."""
        return self.accept is not None and self.accept.certified

    @property
    def quantile_in_words(self) -> str:
        """Half the width of the interval in units of the scale, or what stands in its place."""
        interval = self.entry.interval
        if isinstance(interval, CrossConformalCertificate):
            return "cross-conformal" if interval.folds else "none: [0, 1]"
        if interval.weighted is not None:
            return "by the weight of the case"
        if interval.groups is not None and self.group in ("all", "other"):
            return "one per group"
        quantile = interval.quantile_of(self.group)
        return "none: [0, 1]" if quantile is None else number(quantile)

    @property
    def threshold_in_words(self) -> str:
        """The smallest accept score that is accepted, or why there is none."""
        if self.accept is None:
            return "too few"
        return "none" if self.accept.threshold is None else number(self.accept.threshold)

    @property
    def chance_in_words(self) -> str:
        """P(certify), as it was estimated on the fit patients."""
        chance = self.entry.certify_chances.get(self.group, None if self.patients else 0.0)
        return "unknown" if chance is None else chance_in_words(chance)

    @property
    def needed_in_words(self) -> str:
        """How many patients a certificate takes where there is none, as far as that is known."""
        if self.accept is None or self.patients == 0:
            return "no number does" if self.fewest is None else f"at least {self.fewest}"
        if self.accept.certified:
            return "certified"
        if self.accept.test != "binomial":
            return "unknown"
        if self.accept.grid_is_empty:
            return f"more than {self.patients}"
        needed = self.accept.patients_needed
        return "no number does" if needed is None else f"about {needed}"


def promise_rows(gate: CalibratedGate, structure: str) -> list[PromiseRow]:
    """Return a row for each group of a structure, those that nothing is certified for included.

    Parameters
    ----------
    gate : CalibratedGate
    structure : str
        One of ``gate.certificate.structures``.

    Returns
    -------
    list of PromiseRow
        One without groups. With groups but no calibration patient: those of the fit patients.

    Notes
    -----
    Guarantee: none.
    """
    entry = gate.certificate.structures[structure]
    profile = gate.profile[gate.profile["structure"] == structure]
    calibration = profile[profile["role"] == "calibration"]
    groups, fewest = gate.certificate.settings["groups"], _fewest(gate, entry)
    found = []
    for name, members, accept, patients in _groups(entry, profile, groups):
        here = calibration if members is None else calibration[calibration[groups].isin(members)]
        empty = int(here["predicted_dice"].isna().sum())
        found.append(PromiseRow(structure, name, members, entry, accept, patients, empty, fewest))
    return found


Group = tuple[str, tuple[str, ...] | None, AcceptCertificate | None, int]


def _groups(entry: StructureCertificate, profile: pd.DataFrame, groups: str | None) -> list[Group]:
    accept = entry.accept
    if not isinstance(accept, GroupedAcceptCertificate):
        return [("all", None, accept, accept.patients)]
    if not accept.patients:
        return [(str(name), (str(name),), None, 0) for name in sorted(profile[groups].unique())]
    found: list[Group] = [(name, (name,), one, one.patients) for name, one in accept.own.items()]
    if accept.other is not None:
        return [*found, ("other", accept.small, accept.other, accept.other.patients)]
    return [*found, *((name, (name,), None, accept.patients[name]) for name in accept.small)]


def _fewest(gate: CalibratedGate, entry: StructureCertificate) -> int | None:
    """Return the fewest patients of one more group, or of all, that could certify, none bad."""
    settings = QualityGate(**gate.certificate.settings)
    look = gate.certificate.lineage["look"] + 1 if settings.looks == "many" else 1
    promises = len(entry.accept.by_group) + 1 if settings.groups else 1
    level = accept_level(settings, len(gate.certificate.structures), promises, look)
    return fewest_accepted(0, settings.tolerated_error, level)
