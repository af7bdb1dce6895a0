"""The audits of a case log: drawn, answered, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import pandas as pd

from segqc_conformal.case_log.audit_rates import AuditRates, RatesAt
from segqc_conformal.case_log.audited import (
    answered_audits,
    answers_after,
    draws_after,
    every_case,
    never_drawn,
    pending_cases,
    rates_after,
)
from segqc_conformal.case_log.audits import answer_audit, draw_cases
from segqc_conformal.case_log.engine import reading, writing
from segqc_conformal.case_log.id_check import check_ids, find_case
from segqc_conformal.case_log.open_log import OpenLog

__all__ = ["AuditRecord", "AuditsAfter"]


class AuditsAfter(NamedTuple):
    """What `AuditRecord.audits_after` found.

    Parameters
    ----------
    audited, undrawn : DataFrame
        Feature tables of the answered audits, and of the cases that no draw chose.
    pending : DataFrame
        Drawn cases without an answer.
    rates : dict of str to float
        Least audit rate of each stratum among the cases that draws considered.
    """

    audited: pd.DataFrame
    pending: pd.DataFrame
    undrawn: pd.DataFrame
    rates: dict[str, float]


class AuditRecord(OpenLog):
    """The part of a `CaseLog` that holds draws and answers; each call is one transaction."""

    def draw_audits(
        self, rates: float | RatesAt, secret_seed: int, *, now: datetime
    ) -> pd.DataFrame:
        """Draw cases to audit among all that no earlier draw has considered.

        Parameters
        ----------
        rates : float or callable
            Probability of each case, in (0, 1]; or a function of calibration and site that returns
            the `AuditRates` of accepted and referred cases. Recorded with each case, with its
            stratum (decision and site) and the epoch of that stratum's rate.
        secret_seed : int
            With the case id it decides; keep it from those who segment.
        now : datetime
            Time of the draw.

        Returns
        -------
        DataFrame
            The cases drawn now: ``sequence, case_id, patient_id, site, time, stratum, probability,
            drawn_at``. Repeats of a patient are never drawn.

        Raises
        ------
        InputError
            For a rate out of range, or a clock that went back.

        Notes
        -----
        Guarantee: each case is considered once, and drawn with the probability of its stratum
        over the choice of the secret seed. Those marked as common were drawn at the smaller of the
        rates of both decisions: a random sample of all cases.
        """
        rates_at = rates if callable(rates) else _everywhere(AuditRates(rates))
        with writing(self._engine) as connection:
            drawn = draw_cases(connection, rates_at, secret_seed, now)
            return pending_cases(connection, drawn)

    def pending_audits(self) -> pd.DataFrame:
        """Return the drawn cases that nobody has answered yet, as `draw_audits` does."""
        with reading(self._engine) as connection:
            return pending_cases(connection)

    def add_audit(
        self,
        case_id: str,
        dice: Mapping[str, float],
        reference_kind: str = "expert",
        *,
        now: datetime,
    ) -> None:
        """Record what a reference mask said about a case; the same answer twice changes nothing.

        Parameters
        ----------
        case_id : str
            A case of the log. If it was never drawn, its probability stays null and it takes no
            part in recalibration.
        dice : mapping of str to float
            Dice in [0, 1] of every structure of the case.
        reference_kind : str
            How the reference mask was made, for example "expert" or "edited".
        now : datetime
            Time of the answer.

        Raises
        ------
        InputError
            Naming the case: unknown, structures missing, Dice outside [0, 1], or an answer that
            differs from the one recorded.
        """
        with writing(self._engine) as connection:
            sequence = find_case(connection, self._ids, case_id)
            answer_audit(connection, sequence, case_id, dice, reference_kind, now)

    def draws_after(self, sequence: int, calibration: str) -> pd.DataFrame:
        """Return the cases drawn to be audited after a case, in their order.

        Parameters
        ----------
        sequence : int
            Only cases with a larger sequence number.
        calibration : str
            Only cases judged by it.

        Returns
        -------
        DataFrame
            ``sequence, case_id, site, case_time, stratum, epoch, common, time`` (of the draw), and
            of the verdict that decides ``accept, dice_low, dice_high, reason``.
        """
        with reading(self._engine) as connection:
            return draws_after(connection, sequence, calibration)

    def answers_after(self, number: int, calibration: str) -> pd.DataFrame:
        """Return the answers of drawn cases, in the order in which they came.

        Where a draw chose a case that somebody had answered unasked, the answers of that draw are
        held back until all of them are there, and come in the order of the cases.

        Parameters
        ----------
        number : int
            Only answers with a larger ``answer_number``.
        calibration : str
            Only cases judged by it.

        Returns
        -------
        DataFrame
            As `draws_after`, with ``answer_number, reference_kind, drawn_at, dice`` (of the worst
            structure); ``time`` is that from which the answer of a drawn case is known.
        """
        with reading(self._engine) as connection:
            return answers_after(connection, number, calibration)

    def audited(self, since_sequence: int | None = None) -> pd.DataFrame:
        """Return the feature table of randomly drawn, answered cases, with ``dice`` filled.

        Parameters
        ----------
        since_sequence : int, optional
            Only cases with a larger sequence number.

        Returns
        -------
        DataFrame
            A feature table, and ``sequence, calibration, probability, reference_kind``. Where ids
            are hashed, patients stand there by the pseudonym that calibration folders keep.

        Raises
        ------
        InputError
            If ids are hashed and the salt is missing or another one.
        """
        with reading(self._engine) as connection:
            check_ids(connection, self._ids)
            return self._known(answered_audits(connection, since_sequence or 0))

    def feature_table(self, since_sequence: int | None = None) -> pd.DataFrame:
        """Return the feature table of all cases, with ``dice`` where an audit said it.

        Parameters
        ----------
        since_sequence : int, optional
            Only cases with a larger sequence number.

        Raises
        ------
        InputError
            As `audited`.
        """
        with reading(self._engine) as connection:
            check_ids(connection, self._ids)
            return self._known(every_case(connection, since_sequence or 0))

    def audits_after(self, sequence: int) -> AuditsAfter:
        """Return all that is known of the audits of later cases, at one moment.

        Parameters
        ----------
        sequence : int
            Only cases with a larger sequence number.

        Raises
        ------
        InputError
            As `audited`.
        """
        # alone: an answer that came between two reads would be in none of these
        with writing(self._engine) as connection:
            check_ids(connection, self._ids)
            pending = pending_cases(connection)
            return AuditsAfter(
                self._known(answered_audits(connection, sequence)),
                pending[pending["sequence"] > sequence],
                self._known(never_drawn(connection, sequence)),
                rates_after(connection, sequence),
            )

    def _known(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table whose patients calibration folders know by the pseudonyms they keep."""
        return table.assign(patient_id=table["patient_id"].map(self._ids.known_patient))


def _everywhere(rates: AuditRates) -> RatesAt:
    return lambda calibration, site: rates
