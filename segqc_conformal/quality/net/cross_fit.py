"""Cross-fitting: one net for each fold of the fit patients, which it does not see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch

from segqc_conformal.errors import InputError
from segqc_conformal.patients import pseudonym, stable_hash
from segqc_conformal.quality.net.crossed_net import CrossFittedNet
from segqc_conformal.quality.net.prepared import Prepared
from segqc_conformal.quality.net.quality_case import QualityCase
from segqc_conformal.quality.net.quality_net import QualityNet

__all__ = ["cross_fit"]


def cross_fit(
    net: QualityNet,
    cases: Sequence[QualityCase],
    fit_patients: Sequence[str],
    folds: int = 5,
    device: str | torch.device | None = None,
    progress: Callable[[str], None] | None = None,
    checkpoints: str | Path | None = None,
) -> CrossFittedNet:
    """Fit one net without each fold of the fit patients.

    Parameters
    ----------
    net : QualityNet
    cases : sequence of QualityCase
        Cases of fit patients alone, with references; corrupted ones are welcome. Each is read once.
    fit_patients : sequence of str
        Those that `QualityGate.calibrate` will get as well.
    folds : int
        At least 2; whole patients lie in a fold.
    device : str or torch.device, optional
        As for `QualityNet.fit`.
    progress : callable, optional
        Called with a sentence for each case and epoch.
    checkpoints : path, optional
        A folder; an interrupted run goes on from it.

    Returns
    -------
    CrossFittedNet

    Raises
    ------
    InputError
        For a case whose patient is no fit patient: it would train, and must not.

    Notes
    -----
    Guarantee: see `CrossFittedNet`.
    """
    prepared = net.preparing.prepare_all(_fit_cases(cases, set(fit_patients)), progress)
    place = _folds(prepared, folds, net.seed)
    nets = []
    for fold in range(folds):
        kept = [case for case in prepared if place[case.patient_id] != fold]
        file = None if checkpoints is None else Path(checkpoints) / f"fold-{fold}.safetensors"
        nets.append(net.fit_prepared(kept, None, device, _of_fold(progress, fold, folds), file))
    return CrossFittedNet(tuple(nets), {pseudonym(one): fold for one, fold in place.items()})


def _fit_cases(cases: Sequence[QualityCase], fit: set[str]) -> Iterable[QualityCase]:
    for case in cases:
        if case.patient_id not in fit:
            raise InputError(
                "cases of fit patients alone",
                f"one of patient {case.patient_id}",
                "leave it out: calibration patients must stay unseen",
                case.case_id,
            )
        yield case


def _folds(cases: Sequence[Prepared], folds: int, seed: int) -> dict[str, int]:
    patients = sorted(
        {case.patient_id for case in cases}, key=lambda one: stable_hash(seed, f"fold {one}")
    )
    if not 2 <= folds <= len(patients):
        raise InputError(
            f"folds from 2 to the number of fit patients, {len(patients)}",
            folds,
            "choose fewer folds, or give more patients",
        )
    return {patient: number % folds for number, patient in enumerate(patients)}


def _of_fold(
    progress: Callable[[str], None] | None, fold: int, folds: int
) -> Callable[[str], None] | None:
    if progress is None:
        return None
    return lambda words: progress(f"fold {fold + 1} of {folds}, {words}")
