from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from net_cases import discs, tiny_net

from segqc_conformal.errors import InputError
from segqc_conformal.patients import pseudonym
from segqc_conformal.quality.net import (
    CaseHead,
    FittedQualityNet,
    GoodHead,
    PatchHead,
    SliceHead,
    VoxelHead,
)

CASES = discs(20, 1)
FAST: dict[str, Any] = {"epochs": 3}


def same(one: FittedQualityNet, other: FittedQualityNet) -> bool:
    return all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"inputs": ()}, "inputs as different names"),
        ({"inputs": ("mask", "mask")}, "inputs as different names"),
        ({"heads": ()}, "heads of different kinds"),
        ({"heads": (CaseHead(), CaseHead("iou"))}, "heads of different kinds"),
        ({"heads": (SliceHead(), VoxelHead())}, "a slice head alone"),
        ({"grid": (16, 18)}, "divisible by 4"),
        ({"grid": (4, 4)}, "at least 8"),
        ({"grid": (16, 16, 16)}, "a grid of so many lengths"),
        ({"epochs": 0}, "epochs, patience and batch_size >= 1"),
        ({"learning_rate": 2.0}, "learning_rate in"),
        ({"structures": {}}, "structures as"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        tiny_net(**settings)


def test_one_seed_gives_one_net_and_keeps_the_callers_random_state() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one = tiny_net(**FAST).fit(CASES)
    assert torch.equal(before, torch.get_rng_state())
    torch.rand(7)
    assert same(one, tiny_net(**FAST).fit(CASES))
    assert not same(one, tiny_net(**FAST, seed=1).fit(CASES))


def test_lazy_cases_are_read_once_each() -> None:
    read = []

    def lazily() -> Any:
        for case in CASES:
            read.append(case.case_id)
            yield case

    assert same(tiny_net(**FAST).fit(lazily()), tiny_net(**FAST).fit(CASES))
    assert read == [case.case_id for case in CASES]


def test_training_stops_when_the_validation_patients_gain_nothing() -> None:
    noise = np.random.default_rng(0)
    blind = [replace(case, image=noise.standard_normal((16, 16)), mask=case.mask) for case in CASES]
    fitted = tiny_net(inputs=("image",), epochs=60, patience=3).fit(blind)
    losses = [one["validation"] for one in fitted.history]
    assert len(losses) < 60
    assert len(losses) - 1 - int(np.argmin(losses)) == 3


def test_the_best_epoch_is_kept() -> None:
    fitted = tiny_net(epochs=12, learning_rate=3e-2).fit(CASES)
    losses = [one["validation"] for one in fitted.history]
    net = tiny_net(epochs=12, learning_rate=3e-2)
    best = int(np.argmin(losses)) + 1
    words: list[str] = []
    net.fit(CASES, progress=words.append)
    assert f"(best {min(losses):.4f}, epoch {best})" in words[-1]


def test_patients_to_stop_by_are_counted_as_seen() -> None:
    fitted = tiny_net(**FAST).fit(CASES)
    assert set(fitted.patients) == {pseudonym(case.patient_id) for case in CASES}


def test_validation_cases_of_training_patients_or_corrupted_ones_are_refused() -> None:
    with pytest.raises(InputError, match=r"case c1-0: .* one of patient p1-0"):
        tiny_net(**FAST).fit(CASES, validation=CASES[:2])
    spoilt = discs(2, 2, corrupted=True)
    with pytest.raises(InputError, match=r"case c2-0: .* a corrupted one"):
        tiny_net(**FAST).fit(CASES, validation=spoilt)


def test_corrupted_cases_train_but_training_does_not_stop_by_them() -> None:
    spoilt = [
        replace(case, image=case.image[0], case_id=f"{case.case_id}-spoilt", corrupted=True)
        for case in discs(20, 1)
    ]
    with pytest.raises(InputError, match="at least two patients with a case that is not corrupted"):
        tiny_net(**FAST).fit(spoilt)
    both = tiny_net(**FAST).fit([*CASES, *spoilt])
    alone = tiny_net(**FAST).fit(CASES)
    assert not same(both, alone)


def test_cases_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(InputError, match="case c1-0: expected an id of its own for each case"):
        tiny_net(**FAST).fit([*CASES, CASES[0]])
    wide = replace(CASES[1], image=np.zeros((2, 16, 16)))
    with pytest.raises(InputError, match=r"case c1-1: expected inputs with .*'image': 1"):
        tiny_net(**FAST).fit([CASES[0], wide])
    with pytest.raises(InputError, match=r"case c1-0: expected a case with the input 'margin'"):
        tiny_net(**FAST, inputs=("margin",)).fit(CASES)
    with pytest.raises(InputError, match="expected a case with 3 spatial axes"):
        tiny_net(**FAST, dimensions=3, grid=(16, 16, 16)).fit(CASES)


def test_prediction_does_not_look_at_the_reference() -> None:
    fitted = tiny_net(**FAST).fit(CASES)
    new = discs(1, 9)[0]
    blind = replace(new, image=new.image[0], reference=None)
    assert fitted.predict(new).features == fitted.predict(blind).features


def test_a_case_with_other_channels_is_refused_at_prediction() -> None:
    fitted = tiny_net(**FAST).fit(CASES)
    with pytest.raises(InputError, match="case c1-0: expected inputs with"):
        fitted.predict(replace(CASES[0], image=np.zeros((2, 16, 16))))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA: no GPU on this machine")
def test_cuda_trains_in_mixed_precision_and_predicts() -> None:
    told = [
        replace(case, image=case.image[0], metrics={"hd95_mm": {"disc": 3.0}}) for case in CASES
    ]
    heads = (CaseHead("hd95_mm", bounded=False), VoxelHead(), GoodHead(), PatchHead(4))
    fitted = tiny_net(heads=heads).fit(told, device="cuda")
    assert all(not value.is_cuda for value in fitted.weights.values())
    said = fitted.predict(told[0])
    assert said.features["disc"]["hd95_mm"] == pytest.approx(3.0, abs=0.5)
    assert said.maps["error"].shape == (1, 16, 16)
