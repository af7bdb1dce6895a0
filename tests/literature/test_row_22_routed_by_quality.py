"""Row 22 (Moradi et al. 2020): the branch of the structure only where its mask is good enough."""

from functools import cache

import numpy as np
import pandas as pd
from literature_row import LiteratureRow

from segqc_conformal.evaluation.discrimination import auroc
from segqc_conformal.quality.candidates import default_candidates
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.review import QualityRouter, routes

ROW = LiteratureRow(
    system="Disease detection behind a quality gate",
    paper="Moradi et al. 2020",
    signal="a case's predicted quality decides whether the branch of the segmented structure or "
    "that of the whole image speaks about disease",
    names=("review.routes", "review.QualityRouter", "quality_gate.QualityGate"),
    asserted="where disease can be read from the structure only if its mask is good, routing by "
    "the certified gate finds it better than either branch alone",
    reconstruction="the threshold of the gate is certified instead of chosen; the weight is the "
    "lower Venn-Abers probability of a good mask",
    out_of_scope="the disease classifiers: any two functions of a case are the branches",
)

KNOWN, NEW = 240, 500


@cache
def world() -> tuple[pd.DataFrame, dict[str, dict[str, float]], pd.Series]:
    """Return a feature table, what each branch sees of a case, and who is ill."""
    rng = np.random.default_rng(22)
    count = KNOWN + NEW
    names = np.array([f"p{number:04d}" for number in range(count)])
    dice = np.where(
        rng.random(count) < 0.6, rng.uniform(0.85, 0.97, count), rng.uniform(0, 0.7, count)
    )
    ill = rng.random(count) < 0.5
    read = np.where(dice > 0.8, 2.0 * (2 * ill - 1), 0.0)  # nothing is read through a bad mask
    table = pd.DataFrame(
        {
            "case_id": names,
            "patient_id": names,
            "structure": "lung",
            "model_id": "m",
            "sampler_id": "s",
            "schema_version": "1",
            "judged": "deployed",
            "dice": dice,
            "feature_agreement": np.clip(dice + rng.normal(0.0, 0.05, count), 0.0, 1.0),
        }
    )
    seen = pd.DataFrame(
        {
            "structure": read + rng.normal(0.0, 1.0, count),
            "whole_image": 0.6 * (2 * ill - 1) + rng.normal(0.0, 1.0, count),
        },
        index=names,
    )
    new = seen.iloc[KNOWN:].to_dict("index")
    return table, new, pd.Series(ill.astype(float), index=names)


@cache
def verdicts() -> pd.DataFrame:
    table = world()[0]
    ridge = {"ridge": default_candidates(["feature_agreement"], KNOWN // 2)["ridge"]}
    gate = QualityGate().calibrate(table.iloc[:KNOWN], candidates=ridge)
    return gate.judge(table.iloc[KNOWN:])


def _router() -> QualityRouter:
    return QualityRouter(
        accepted=lambda case: case["structure"], referred=lambda case: case["whole_image"]
    )


def _finding(output: pd.Series) -> float:
    return float(auroc(output.to_numpy(dtype=float), world()[2][output.index].to_numpy(), None))


def _outputs(judged: pd.DataFrame) -> dict[str, float]:
    cases = world()[1]
    seen = pd.DataFrame.from_dict(cases, orient="index")
    routed = _router()(judged, cases).set_index("case_id")["output"]
    return {"routed": _finding(routed), **{name: _finding(seen[name]) for name in seen}}


def test_row_22_routing_by_quality_beats_either_branch_alone() -> None:
    found = _outputs(verdicts())
    assert found["routed"] > max(found["structure"], found["whole_image"]) + 0.05


def test_row_22_no_case_is_lost_and_few_bad_masks_speak() -> None:
    table, cases, _ = world()
    sent = routes(verdicts(), "structure", "whole_image").set_index("case_id")
    assert sent.index.tolist() == list(cases)
    good = table.set_index("case_id")["dice"].loc[sent.index] > 0.8
    of_structure = sent["branch"] == "structure"
    assert of_structure.mean() > 0.4
    assert (~good[of_structure]).mean() <= 0.1
    assert sent.loc[good, "weight"].mean() > sent.loc[~good, "weight"].mean() + 0.5


def test_row_22_twin_verdicts_of_other_cases_do_not() -> None:
    judged = verdicts().copy()
    order = np.random.default_rng(0).permutation(len(judged))
    said = ["accept", "p_above_low", "reason", "message"]
    judged[said] = judged[said].to_numpy()[order]
    found = _outputs(judged)
    assert found["routed"] < max(found["structure"], found["whole_image"]) + 0.02
