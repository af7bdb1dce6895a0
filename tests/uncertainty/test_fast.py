"""The compiled pass writes what the formulas say, whatever the block, the ties or the threads."""

from __future__ import annotations

import subprocess
import sys
from math import prod
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.errors import InputError
from segqc_conformal.uncertainty import fast
from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator

pytest.importorskip("numba", reason="numba is not installed")

FLOOR = 2.0**-23


def samples_of(seed: int, count: int, classes: int, voxels: int, kind: str) -> np.ndarray:
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=4.0, size=(count, classes, voxels))
    if kind == "ties":  # every class one of two values: many equal maxima
        logits = np.round(logits / 8.0)
    elif kind == "certain":
        logits *= 1e4
    elif kind == "identical":
        logits[:] = logits[0]
    elif kind == "denormal":
        logits *= 25.0
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)


def buffers_of(
    classes: int, voxels: int, structures: int, mean: type = np.float32
) -> dict[str, Any]:
    return {
        "mean": np.zeros((classes, voxels), mean),
        "spread": np.zeros((classes, voxels), np.float32),
        "logs": np.zeros((classes, voxels)),
        "expected": np.zeros(voxels),
        "bits": np.zeros((structures, voxels), np.uint8),
    }


def x_log_x(p: np.ndarray) -> np.ndarray:
    return np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0)


def assert_as_formulas(buffers: dict[str, Any], samples: np.ndarray, labels: np.ndarray) -> None:
    p = samples.astype(np.float64)
    total, exact = len(p) * 1e-6, 1e-12 if buffers["mean"].dtype == np.float64 else 1e-6
    np.testing.assert_allclose(buffers["mean"], p.mean(axis=0), atol=exact)
    np.testing.assert_allclose(buffers["spread"] / len(p), p.var(axis=0), atol=1e-6)
    np.testing.assert_allclose(
        buffers["logs"], np.log(np.maximum(p, FLOOR)).sum(axis=0), atol=len(p) * 1e-7
    )
    np.testing.assert_allclose(buffers["expected"], x_log_x(p).sum(axis=(0, 1)), atol=total)
    winners = np.stack([np.argmax(sample, axis=0) for sample in samples])
    for row, label in enumerate(labels):
        word = sum((winners[s] == label).astype(int) << s for s in range(len(samples)))
        np.testing.assert_array_equal(buffers["bits"][row], word)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 8),
    classes=st.integers(2, 14),
    voxels=st.sampled_from([1, 7, 8, 1023, 1024, 1025, 3000]),
    kind=st.sampled_from(["plain", "ties", "certain", "identical", "denormal"]),
    mean=st.sampled_from([np.float32, np.float64]),
    data=st.data(),
)
def test_every_buffer_equals_its_formula(
    seed: int,
    count: int,
    classes: int,
    voxels: int,
    kind: str,
    mean: type,
    data: st.DataObject,
) -> None:
    subset = data.draw(st.lists(st.integers(1, classes - 1), min_size=1, max_size=4, unique=True))
    labels = np.array(subset, dtype=np.int64)
    samples = samples_of(seed, count, classes, voxels, kind)
    buffers = buffers_of(classes, voxels, len(labels), mean)
    for taken, sample in enumerate(samples):
        fast.update(sample, structure_labels=labels, count=taken, **buffers)
    assert_as_formulas(buffers, samples, labels)


@pytest.mark.parametrize("mean", [np.float32, np.float64])
def test_identical_samples_keep_the_mean_to_the_bit_and_spread_nothing(mean: type) -> None:
    sample = samples_of(1, 1, 3, 500, "plain")[0]
    buffers = buffers_of(3, 500, 1, mean)
    for taken in range(20):
        fast.update(sample, structure_labels=np.array([2]), count=taken, **buffers)
    np.testing.assert_array_equal(buffers["mean"], sample)
    np.testing.assert_array_equal(buffers["spread"], 0.0)


def test_ninth_sample_sets_the_first_bit_again_and_leaves_the_others() -> None:
    sample = np.array([[0.1], [0.9]], np.float32)
    bits = np.array([[0b1000_0010]], np.uint8)
    fast.update(sample, None, None, None, None, bits, np.array([1]), 8)
    assert bits.tolist() == [[0b1000_0011]]


@pytest.mark.parametrize("left_out", ["mean", "spread", "logs", "expected", "bits"])
def test_a_buffer_left_out_changes_no_other(left_out: str) -> None:
    samples = samples_of(2, 3, 4, 1500, "plain")
    labels = np.array([1, 3])
    whole, part = buffers_of(4, 1500, 2), buffers_of(4, 1500, 2)
    part[left_out] = None
    if left_out == "mean":
        part["spread"] = None
    for taken, sample in enumerate(samples):
        fast.update(sample, structure_labels=labels, count=taken, **whole)
        fast.update(sample, structure_labels=labels, count=taken, **part)
    for name, values in part.items():
        if values is not None:
            np.testing.assert_array_equal(values, whole[name])


def test_two_threads_write_the_same_bits_as_one() -> None:
    voxels, before = 3 * 2**15 + 77, torch.get_num_threads()
    sample = samples_of(3, 1, 3, voxels, "plain")[0]
    results = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            buffers = buffers_of(3, voxels, 2)
            fast.update(sample, structure_labels=np.array([1, 2]), count=0, **buffers)
            results.append(buffers)
    finally:
        torch.set_num_threads(before)
    for name, values in results[0].items():
        np.testing.assert_array_equal(values, results[1][name])


def all_magnitudes() -> np.ndarray:
    everywhere = np.arange(0x00800000, 0x3F800001, 997)
    near_one = np.arange(0x3F7F0000, 0x3F800001)
    return np.concatenate([everywhere, near_one]).astype(np.uint32).view(np.float32)


def test_product_with_the_logarithm_is_right_to_two_units_in_the_last_place() -> None:
    p = all_magnitudes()
    expected = np.zeros(p.size)
    fast.update(p[None], None, None, None, expected, None, np.array([1]), 0)
    true = x_log_x(p.astype(np.float64))
    unit = np.spacing(np.abs(true).astype(np.float32)).astype(np.float64)
    assert (np.abs(expected - true) <= 2.0 * unit).all()


def test_logarithm_is_right_to_a_unit_in_the_last_place_of_one_and_relatively_near_one() -> None:
    p = all_magnitudes()
    logs = np.zeros((1, p.size))
    fast.update(p[None], None, None, logs, None, None, np.array([1]), 0)
    true = np.log(np.maximum(p.astype(np.float64), FLOOR))
    error = np.abs(logs[0] - true)
    assert (error <= 2.0**-24).all()
    small = np.abs(true) < 0.3
    assert (error[small] <= 2.0**-23 * np.abs(true[small])).all()


def test_zero_one_and_denormal_numbers_have_their_limits() -> None:
    p = np.array([[0.0, 1.0, 1e-40, 2.0**-126, 2.0**-23, 2.0**-24]], np.float32)
    expected, logs = np.zeros(6), np.zeros((1, 6))
    fast.update(p, None, None, logs, expected, None, np.array([1]), 0)
    assert expected[:2].tolist() == [0.0, 0.0]
    np.testing.assert_allclose(expected, x_log_x(p.astype(np.float64))[0], rtol=1e-6, atol=1e-36)
    floor = np.log(FLOOR)
    np.testing.assert_allclose(logs[0], [floor, 0, floor, floor, floor, floor], rtol=1e-7)


def test_without_numba_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    fast._compiled.cache_clear()
    try:
        with pytest.raises(InputError, match=r"pip install 'segqc-conformal\[fast\]'"):
            fast.update(np.ones((1, 1), np.float32), None, None, None, None, None, np.array([1]), 0)
    finally:
        fast._compiled.cache_clear()


GRID = (5, 7, 9)


@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 11),
    classes=st.integers(1, 6),
    kind=st.sampled_from(["plain", "ties", "certain", "identical", "denormal"]),
    maps=st.sampled_from(["all", (), ("variance",), ("variation_ratio", "epkl")]),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_accumulator_gives_the_same_maps_masks_and_features_as_without(
    seed: int, count: int, classes: int, kind: str, maps: Any, dtype: type
) -> None:
    samples = samples_of(seed, count, max(2, classes), prod(GRID), kind)
    structures = {f"s{label}": label for label in range(max(1, classes - 2), max(2, classes))}
    plain, compiled = (
        UncertaintyAccumulator(structures, (1.0, 1.0, 2.0), maps=maps, fast=chosen)
        for chosen in (False, True)
    )
    for sample in samples:
        channels = sample[1:] if classes == 1 else sample
        plain.update(channels.reshape(-1, *GRID).astype(dtype))
        compiled.update(channels.reshape(-1, *GRID).astype(dtype))
    slow, quick = plain.maps(), compiled.maps()
    assert slow.keys() == quick.keys()
    for name, values in slow.items():
        np.testing.assert_allclose(quick[name], values, atol=1e-6, err_msg=name)
    mask = plain.fused_mask()
    mine, theirs = compiled.features(mask), plain.features(mask)
    for name in structures:
        assert mine[name] == pytest.approx(theirs[name], rel=1e-6, abs=1e-6)


def test_importing_the_file_loads_no_numba() -> None:
    code = "import sys, segqc_conformal.uncertainty.fast; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
