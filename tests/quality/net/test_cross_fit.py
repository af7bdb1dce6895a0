import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import net_cases
import numpy as np
import pandas as pd
import pytest
from net_cases import discs, tiny_net, true_dice
from scipy.stats import spearmanr

from segqc_conformal.errors import InputError, TamperedError
from segqc_conformal.patients import pseudonym
from segqc_conformal.quality.net import CaseHead, CrossFittedNet, QualityCase, cross_fit
from segqc_conformal.quality_gate import QualityGate

FIT, NEW = discs(40, 1), discs(40, 2)
ANEW = """
import json, sys
sys.path.insert(0, sys.argv[2])
from net_cases import discs
from segqc_conformal.quality.net import CrossFittedNet
crossed = CrossFittedNet.load(sys.argv[1])
print(json.dumps([crossed.predict(case) for case in [*discs(3, 1), *discs(3, 2)]]))
"""


def table_of(cases: list[QualityCase]) -> pd.DataFrame:
    identity = {"model_id": "m", "sampler_id": "s", "schema_version": "1", "judged": "deployed"}
    return pd.DataFrame(
        {
            "case_id": [case.case_id for case in cases],
            "patient_id": [case.patient_id for case in cases],
            "structure": "disc",
            **identity,
            "dice": true_dice(cases),
            "feature_size": [float((case.mask == 1).sum()) for case in cases],
        }
    )


def patients(cases: list[QualityCase]) -> list[str]:
    return [case.patient_id for case in cases]


@cache
def crossed() -> CrossFittedNet:
    return cross_fit(tiny_net(epochs=12), FIT, patients(FIT), folds=3)


def test_no_fit_patients_feature_comes_from_a_net_that_saw_the_patient() -> None:
    for case in FIT:
        net = crossed().nets[crossed().folds[pseudonym(case.patient_id)]]
        assert pseudonym(case.patient_id) not in net.patients
        assert crossed().predict(case) == net.predict(case).features


def test_each_net_saw_the_patients_of_all_other_folds_and_nobody_else() -> None:
    everyone = set(map(pseudonym, patients(FIT)))
    for number, net in enumerate(crossed().nets):
        fold = {name for name, place in crossed().folds.items() if place == number}
        assert len(fold) in (13, 14)
        assert set(net.patients) == everyone - fold


def test_every_other_patient_gets_the_mean_of_all_nets() -> None:
    each = [net.predict(NEW[0]).features["disc"]["dice"] for net in crossed().nets]
    assert crossed().predict(NEW[0])["disc"]["dice"] == pytest.approx(np.mean(each))


def test_a_case_of_a_patient_who_does_not_fit_cannot_train() -> None:
    with pytest.raises(InputError, match=r"case c2-0: .* calibration patients must stay unseen"):
        cross_fit(tiny_net(epochs=1), [*FIT, NEW[0]], patients(FIT), folds=2)


def test_two_cases_of_a_patient_lie_in_one_fold() -> None:
    twins = [replace(case, image=case.image[0], case_id=f"{case.case_id}b") for case in FIT[:10]]
    both = cross_fit(tiny_net(epochs=1), [*FIT[:10], *twins], patients(FIT[:10]), folds=5)
    for number, net in enumerate(both.nets):
        fold = {name for name, place in both.folds.items() if place == number}
        assert len(fold) == 2
        assert not fold & set(net.patients)


@pytest.mark.parametrize("folds", [1, 41])
def test_a_number_of_folds_that_makes_no_sense_is_refused(folds: int) -> None:
    with pytest.raises(InputError, match="folds from 2 to the number of fit patients, 40"):
        cross_fit(tiny_net(epochs=1), FIT, patients(FIT), folds=folds)


def leaked_correlation(out_of_fold: bool) -> float:
    """Train on qualities drawn at random; correlate with them what is said of the same cases."""
    rng = np.random.default_rng(3)
    drawn = rng.random(len(FIT))
    told = [
        replace(case, image=case.image[0], metrics={"drawn": {"disc": float(value)}})
        for case, value in zip(FIT, drawn, strict=True)
    ]
    net = tiny_net(heads=(CaseHead("drawn"),), epochs=60, patience=60, flips=False)
    if out_of_fold:
        fitted = cross_fit(net, told, patients(told), folds=3)
        said = [fitted.predict(case)["disc"]["drawn"] for case in told]
    else:
        # stopped by cases it has seen under another name, as nobody should
        again = [replace(c, image=c.image[0], patient_id=c.patient_id + "b") for c in told]
        seen = net.fit(told, validation=again)
        said = [seen.predict(case).features["disc"]["drawn"] for case in told]
    return float(spearmanr(drawn, said).statistic)


def test_out_of_fold_features_do_not_know_their_own_quality() -> None:
    assert abs(leaked_correlation(out_of_fold=True)) < 0.35


def test_features_of_a_net_that_saw_the_case_do() -> None:
    assert leaked_correlation(out_of_fold=False) > 0.8


def test_the_table_gets_feature_columns_that_a_gate_learns_from() -> None:
    table = crossed().features(table_of([*FIT, *NEW]), [*NEW, *FIT])
    assert table["feature_net_dice"].between(0, 1).all()
    fit = table.loc[table["fit_patient"], "patient_id"]
    assert sorted(fit.unique()) == sorted(patients(FIT))
    gate = QualityGate().calibrate(table)
    with pytest.raises(InputError, match="whose label taught a feature"):
        QualityGate().calibrate(table, fit_patients=patients(FIT)[1:])
    assert "feature_net_dice" in gate.quality.features
    assert gate.certificate.structures["disc"].interval.patients == len(NEW)


def test_a_gate_refuses_the_features_of_other_nets() -> None:
    cases = [*FIT, *NEW]
    gate = QualityGate().calibrate(
        crossed().features(table_of(cases), cases), fit_patients=patients(FIT)
    )
    others = cross_fit(tiny_net(epochs=1), FIT, patients(FIT), folds=2)
    new = discs(2, 3)
    verdicts = gate.judge(others.features(table_of(new), new))
    assert set(verdicts["reason"]) == {"input_error"}
    assert verdicts["message"].str.contains(f"net:{others.version}").all()
    own = gate.judge(crossed().features(table_of(new), new))
    assert "input_error" not in set(own["reason"])


def test_rows_of_failed_cases_stay_and_have_nothing() -> None:
    table = table_of(NEW[:2])
    table["failed"] = ["no memory", None]
    out = crossed().features(table, NEW[1:2])
    assert out["feature_net_dice"].isna().tolist() == [True, False]


def test_corrupted_foreign_and_missing_cases_are_refused() -> None:
    spoilt = [replace(NEW[0], image=NEW[0].image[0], corrupted=True)]
    with pytest.raises(InputError, match=r"case c2-0: .* neither calibrate nor evaluate"):
        crossed().features(table_of(NEW[:1]), spoilt)
    with pytest.raises(InputError, match="case c2-1: expected a case of the table"):
        crossed().features(table_of(NEW[:1]), NEW[:2])
    with pytest.raises(InputError, match="case c2-1: expected a QualityCase for each row"):
        crossed().features(table_of(NEW[:2]), NEW[:1])


def test_a_new_process_gives_the_same_features(tmp_path: Path) -> None:
    crossed().save(tmp_path)
    folder = str(Path(net_cases.__file__).parent)
    command = [sys.executable, "-c", ANEW, str(tmp_path), folder]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == [crossed().predict(case) for case in [*FIT[:3], *NEW[:3]]]


def test_folds_that_were_changed_and_nets_that_were_exchanged_are_refused(tmp_path: Path) -> None:
    crossed().save(tmp_path)
    (tmp_path / "fold-0").rename(tmp_path / "kept")
    (tmp_path / "fold-1").rename(tmp_path / "fold-0")
    (tmp_path / "kept").rename(tmp_path / "fold-1")
    with pytest.raises(TamperedError, match="in fold-0"):
        CrossFittedNet.load(tmp_path)
    crossed().save(tmp_path)
    file = tmp_path / "cross.json"
    file.write_text(file.read_text().replace(": 0", ": 1", 1))
    with pytest.raises(TamperedError, match=r"cross\.json"):
        CrossFittedNet.load(tmp_path)


def test_an_interrupted_cross_fit_goes_on(tmp_path: Path) -> None:
    net = tiny_net(epochs=2)

    class Killed(BaseException):
        pass

    def kill(words: str) -> None:
        if words.startswith("fold 2 of 2, epoch 1"):
            raise Killed

    with pytest.raises(Killed):
        cross_fit(net, FIT, patients(FIT), 2, progress=kill, checkpoints=tmp_path)
    words: list[str] = []
    resumed = cross_fit(net, FIT, patients(FIT), 2, progress=words.append, checkpoints=tmp_path)
    assert not any(one.startswith("fold 1") for one in words)
    assert resumed.version == cross_fit(net, FIT, patients(FIT), 2).version
