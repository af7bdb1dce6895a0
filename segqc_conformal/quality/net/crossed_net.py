"""Cross-fitted nets: what they say of fit patients, and of everyone else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from segqc_conformal.canonical_json import sha256_hex
from segqc_conformal.errors import InputError, TamperedError
from segqc_conformal.features.table import FIT_PATIENT, check_feature_table
from segqc_conformal.hashed_json import read_hashed_json, write_hashed_json
from segqc_conformal.patients import pseudonym
from segqc_conformal.quality.net.fitted import FittedQualityNet
from segqc_conformal.quality.net.quality_case import QualityCase
from segqc_conformal.quality.net.stored_net import load_net, net_id, save_net

__all__ = ["CrossFittedNet"]

FILE = "cross.json"


@dataclass(frozen=True, eq=False)
class CrossFittedNet:
    """Nets that were fitted without one fold of the fit patients each; `cross_fit` makes it.

    Parameters
    ----------
    nets : tuple of FittedQualityNet
    folds : dict of str to int
        Pseudonym of each fit patient -> the fold, whose net did not see this patient.

    Notes
    -----
    Guarantee: a fit patient's features come from the one net that neither trained on this patient
    nor stopped by it; those of every other patient are the mean over all nets. None of the nets has
    seen any patient but the fit patients, and the mean is one fixed function of the case: for
    calibration and new patients the features are as exchangeable as the patients are.
    """

    nets: tuple[FittedQualityNet, ...]
    folds: dict[str, int]

    def features(
        self,
        table: pd.DataFrame,
        cases: Iterable[QualityCase],
        progress: Callable[[str], None] | None = None,
    ) -> pd.DataFrame:
        """Add the nets' outputs to a feature table.

        Parameters
        ----------
        table : DataFrame
            A feature table.
        cases : iterable of QualityCase
            One for each case of the table, in any order; read one after the other.
        progress : callable, optional
            Called with a sentence for each case.

        Returns
        -------
        DataFrame
            With columns ``feature_net_<name>``, a ``schema_version`` that names the nets, so that a
            gate refuses the features of other ones, and ``fit_patient``, by which
            `QualityGate.calibrate` keeps the fit patients from calibrating. Rows of failed cases
            have NaN.

        Raises
        ------
        InputError
            For a corrupted case, a case of another patient than in the table, a case that the table
            lacks, and one that the cases lack.

        Notes
        -----
        Guarantee: as said above.
        """
        table = check_feature_table(table)
        patients = dict(zip(table["case_id"], table["patient_id"], strict=True))
        said: dict[tuple[str, str], dict[str, float]] = {}
        for case in cases:
            _check_case(case, patients)
            if progress is not None:
                progress(f"case {case.case_id}")
            for structure, values in self.predict(case).items():
                said[case.case_id, structure] = values
        return self._joined(table, said)

    def predict(self, case: QualityCase) -> dict[str, dict[str, float]]:
        """Return the features of one case, structure -> name -> value, by the rule above."""
        fold = self.folds.get(pseudonym(case.patient_id))
        nets = self.nets if fold is None else (self.nets[fold],)
        each = [net.predict(case).features for net in nets]
        return {
            structure: {
                name: float(np.mean([one[structure][name] for one in each])) for name in values
            }
            for structure, values in each[0].items()
        }

    @property
    def version(self) -> str:
        """Who the nets are: 16 hex digits."""
        return sha256_hex(" ".join(map(net_id, self.nets)).encode())[:16]

    def save(self, folder: str | Path) -> Path:
        """Write all nets and the folds into a folder."""
        folder = Path(folder)
        for number, net in enumerate(self.nets):
            save_net(net, folder / f"fold-{number}")
        content = {"folds": self.folds, "nets": [net_id(net) for net in self.nets]}
        write_hashed_json(folder / FILE, content)
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> CrossFittedNet:
        """Read what `save` wrote.

        Raises
        ------
        FileFormatError
            If a file is missing or cannot be read.
        TamperedError
            If any byte is not what was saved, or a net was exchanged.
        """
        content = read_hashed_json(Path(folder) / FILE)
        ids = content["nets"]
        nets = tuple(load_net(Path(folder) / f"fold-{number}") for number in range(len(ids)))
        for number, net in enumerate(nets):
            if net_id(net) != ids[number]:
                raise TamperedError(
                    f"net {ids[number][:12]} in fold-{number}",
                    net_id(net)[:12],
                    "restore the folder from a backup",
                )
        return cls(nets, content["folds"])

    def _joined(
        self, table: pd.DataFrame, said: dict[tuple[str, str], dict[str, float]]
    ) -> pd.DataFrame:
        usable = table["failed"].isna()
        pairs = list(zip(table["case_id"], table["structure"], strict=True))
        missing = [
            case
            for (case, _), good in zip(pairs, usable, strict=True)
            if good and (case, _) not in said
        ]
        if missing:
            raise InputError(
                "a QualityCase for each row of the table",
                f"none for case {missing[0]}",
                "give it, or leave its rows out",
                missing[0],
            )
        names = sorted({name for values in said.values() for name in values})
        columns = {
            f"feature_net_{name}": [said.get(pair, {}).get(name, np.nan) for pair in pairs]
            for name in names
        }
        version = table["schema_version"] + f"+net:{self.version}"
        taught = table["patient_id"].map(pseudonym).isin(list(self.folds))
        if FIT_PATIENT in table:
            taught |= table[FIT_PATIENT]
        return table.assign(**columns, schema_version=version, **{FIT_PATIENT: taught})


def _check_case(case: QualityCase, patients: dict[str, str]) -> None:
    if case.corrupted:
        raise InputError(
            "cases as they were acquired",
            "a corrupted one",
            "leave it out: corrupted cases train, and neither calibrate nor evaluate",
            case.case_id,
        )
    if patients.get(case.case_id) != case.patient_id:
        raise InputError(
            f"a case of the table, of patient {patients.get(case.case_id)}",
            f"patient {case.patient_id}",
            "give the cases whose rows stand in the table",
            case.case_id,
        )
