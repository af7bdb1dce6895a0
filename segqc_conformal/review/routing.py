"""Where each case goes on, by its verdict: to the branch that uses its mask, or past it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from segqc_conformal.errors import InputError, on_one_line
from segqc_conformal.whole_case import WHOLE_CASE

__all__ = ["QualityRouter", "routes"]

Branch = Callable[[Any], Any]


def routes(
    verdicts: pd.DataFrame,
    accepted: str = "accepted",
    referred: str = "referred",
    structure: str | None = None,
) -> pd.DataFrame:
    """Send each case to one of two branches by its verdict.

    Parameters
    ----------
    verdicts : DataFrame
        Verdict table of a calibrated gate.
    accepted, referred : str
        What the branches are called, such as "structure" and "whole_image".
    structure : str, optional
        Whose verdict decides. None: that of the whole case, or of the only structure.

    Returns
    -------
    DataFrame
        One row per case: ``case_id, patient_id, branch, weight, reason, message``. ``branch`` is
        `accepted` only where the gate accepts; failures, empty predictions and cases without a
        row of that structure go to `referred`. ``weight`` in [0, 1] is the lower Venn-Abers
        probability that Dice lies above the threshold (``p_above_low``), for a soft mixture
        ``weight * accepted + (1 - weight) * referred`` of two outputs: the smaller of the two
        calibrated values, 0 for failures; in a table that does without it, 1 where accepted.

    Raises
    ------
    InputError
        If it is not clear which structure decides.

    Notes
    -----
    Guarantee: that of the gate's accept certificate, which stands in ``message``: of the cases sent
    to the accepted branch at most alpha have a Dice at or below the threshold. ``weight`` decides
    nothing, and nothing is promised of a mixture (`VennAbersProbability`), nor of what the branches
    make of the cases. Counted are patients, by one case each.
    Source: Moradi et al. (2020), whose gate uses the region of interest only where its predicted
    quality is high enough; there the threshold is chosen, here it is certified.

    Examples
    --------
    >>> verdicts = pd.DataFrame({"case_id": ["c", "d"], "patient_id": ["p", "q"],
    ...     "structure": "lung", "accept": [True, False], "p_above_low": [0.93, 0.4],
    ...     "reason": ["certified", "below_threshold"], "message": ["", ""]})
    >>> routes(verdicts, "structure", "whole_image")[["branch", "weight"]].values.tolist()
    [['structure', 0.93], ['whole_image', 0.4]]
    """
    if accepted == referred:
        raise InputError("two branches of different names", repr(accepted), "rename one")
    name = _deciding(verdicts, structure)
    cases = verdicts.drop_duplicates("case_id")
    rows = verdicts[verdicts["structure"] == name].drop_duplicates("case_id").set_index("case_id")
    found = rows.reindex(cases["case_id"])
    take = found["accept"].eq(True)
    chance = found["p_above_low"] if "p_above_low" in found else take
    return pd.DataFrame(
        {
            "case_id": cases["case_id"].to_numpy(),
            "patient_id": cases["patient_id"].to_numpy(),
            "branch": take.map({True: accepted, False: referred}).to_numpy(),
            "weight": chance.astype(float).fillna(0.0).to_numpy(),
            "reason": found["reason"].fillna("input_error").to_numpy(),
            "message": found["message"].fillna(f"there is no verdict of {name}").to_numpy(),
        }
    )


def _deciding(verdicts: pd.DataFrame, structure: str | None) -> str:
    names = sorted(verdicts["structure"].unique())
    if structure is None and (WHOLE_CASE in names or not names):
        return WHOLE_CASE
    if structure is None and len(names) == 1:
        return str(names[0])
    if structure in names:
        return str(structure)
    raise InputError(
        "the structure whose verdict decides", repr(structure), f"name one of {', '.join(names)}"
    )


@dataclass(frozen=True)
class QualityRouter:
    """Run each case through the branch that its verdict sends it to.

    Parameters
    ----------
    accepted, referred : callable
        Case -> output: the branch that relies on the mask, and the one that does not.
    structure : str, optional
        As in `routes`.

    Notes
    -----
    Guarantee: that of `routes`, about all cases that were sent to the accepted branch. No case is
    lost: one that this branch fails on goes to the referred one, and the row says so.

    Examples
    --------
    >>> verdicts = pd.DataFrame({"case_id": ["c"], "patient_id": ["p"], "structure": "lung",
    ...     "accept": [True], "reason": ["certified"], "message": [""]})
    >>> router = QualityRouter(accepted=lambda case: case + 1, referred=lambda case: -case)
    >>> router(verdicts, {"c": 1, "no verdict": 5})[["branch", "output"]].values.tolist()
    [['accepted', 2], ['referred', -5]]
    """

    accepted: Branch
    referred: Branch
    structure: str | None = None

    def __call__(self, verdicts: pd.DataFrame, cases: Mapping[str, Any]) -> pd.DataFrame:
        """Route and run every case.

        Parameters
        ----------
        verdicts : DataFrame
            Verdict table.
        cases : mapping of str to Any
            Case id -> what the branches take. Cases without a verdict are referred.

        Returns
        -------
        DataFrame
            Of `routes`, in the order of `cases`, with ``output`` (None where both branches
            failed) and ``failed`` (None, or what went wrong in a branch).

        Raises
        ------
        InputError
            As `routes`.
        """
        sent = routes(verdicts, structure=self.structure).set_index("case_id").to_dict("index")
        unknown = {
            "patient_id": None,
            "branch": "referred",
            "weight": 0.0,
            "reason": "input_error",
            "message": "there is no verdict of this case",
        }
        rows = [
            {"case_id": case_id, **self._run(sent.get(case_id, unknown), case)}
            for case_id, case in cases.items()
        ]
        columns = ["case_id", *unknown, "output", "failed"]
        return pd.DataFrame(rows, columns=columns)

    def _run(self, route: dict[Any, Any], case: Any) -> dict[Any, Any]:
        failed = []
        for branch in ("accepted", "referred")[route["branch"] == "referred" :]:
            try:
                output = getattr(self, branch)(case)
            except Exception as error:
                failed.append(f"{branch}: {on_one_line(error)}")
            else:
                said = "; ".join(failed) or None
                return {**route, "branch": branch, "output": output, "failed": said}
        return {**route, "branch": "referred", "output": None, "failed": "; ".join(failed)}
