import itertools
import tracemalloc

import nibabel
import numpy as np
import pytest
import torch

from segqc_conformal.errors import FileFormatError, GeometryError, InputError, SamplingError
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.stored_samples import StoredSamples

SHAPE = (4, 5, 6)


def probabilities(samples: int = 3, dtype=np.float32) -> np.ndarray:
    logits = np.random.default_rng(0).normal(size=(samples, 2, *SHAPE))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return p.astype(dtype)


def read(files, image=None, channels="exclusive") -> list[torch.Tensor]:
    image = np.zeros((1, *SHAPE)) if image is None else image
    sampler = StoredSamples({"c17": files}, model_id="m", channels=channels)
    return list(sampler(None, image, case_id="c17"))


@pytest.mark.parametrize("kind", ["npz", "npz compressed", "npz fortran", "npy", "nifti"])
@pytest.mark.parametrize("dtype", [np.float32, np.dtype(">f4"), np.float64])
def test_every_format_gives_the_saved_values(tmp_path, kind, dtype):
    saved = probabilities(dtype=dtype)
    path = tmp_path / f"c17.{kind[:3]}"
    if kind == "npz":
        np.savez(path, probabilities=saved, other=np.zeros(3))
    elif kind == "npz compressed":
        np.savez_compressed(path, probabilities=saved)
    elif kind == "npz fortran":
        np.savez(path, probabilities=np.asfortranarray(saved))
    elif kind == "npy":
        np.save(path, saved)
    else:
        path = [tmp_path / f"s{number}.nii.gz" for number in range(3)]
        for sample, name in zip(saved, path, strict=True):
            nibabel.save(nibabel.Nifti1Image(np.moveaxis(sample, 0, -1), np.eye(4)), name)
    for sample, expected in zip(read(path), saved, strict=True):
        np.testing.assert_array_equal(sample.numpy(), expected)


def test_half_precision_may_miss_one_by_its_own_rounding(tmp_path):
    np.savez(tmp_path / "c17.npz", probabilities=probabilities(dtype=np.float16))
    assert [sample.dtype for sample in read(tmp_path / "c17.npz")] == [torch.float16] * 3


def test_one_sample_is_in_memory_at_a_time(tmp_path):
    big = np.full((40, 2, 64, 64, 16), 0.5, np.float32)  # 0.5 MB a sample, 21 MB in all
    np.savez_compressed(tmp_path / "c17.npz", probabilities=big)
    np.save(tmp_path / "c17.npy", big)
    image = np.zeros((1, 64, 64, 16), np.float32)
    for path in (tmp_path / "c17.npz", tmp_path / "c17.npy"):
        sampler = StoredSamples({"c17": path}, model_id="m")
        tracemalloc.start()
        number = sum(1 for _ in sampler(None, image, case_id="c17"))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert number == 40
        assert peak < 4e6


def test_reading_stops_where_the_caller_stops(tmp_path):
    np.savez(tmp_path / "c17.npz", probabilities=probabilities())
    samples = StoredSamples({"c17": str(tmp_path / "c17.npz")}, model_id="m")(
        None, np.zeros((1, *SHAPE)), case_id="c17"
    )
    assert len(list(itertools.islice(samples, 1))) == 1
    samples.close()


@pytest.mark.parametrize("suffix", ["npz", "npy", "nii.gz", "nii"])
@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty", "missing"])
def test_damaged_file_is_a_typed_error_naming_the_case(tmp_path, suffix, damage):
    path = tmp_path / f"c17.{suffix}"
    if suffix == "npz":
        np.savez_compressed(path, probabilities=probabilities())
    elif suffix == "npy":
        np.save(path, probabilities())
    else:
        nibabel.save(nibabel.Nifti1Image(np.moveaxis(probabilities()[0], 0, -1), np.eye(4)), path)
    whole = path.read_bytes()
    broken = {"truncated": whole[: len(whole) * 2 // 3], "garbage": b"\x07" * 900, "empty": b""}
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(broken[damage])
    with pytest.raises(FileFormatError, match=r"case c17: expected .*; remedy: "):
        read(path)


def test_flipped_byte_in_an_npz_is_noticed_by_its_checksum(tmp_path):
    path = tmp_path / "c17.npz"
    np.savez(path, probabilities=probabilities())
    data = bytearray(path.read_bytes())
    data[600] ^= 1  # the lowest bit of one probability: still a valid probability
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match="case c17"):
        read(path)


def test_npz_without_the_array_says_what_it_holds(tmp_path):
    np.savez(tmp_path / "c17.npz", softmax=probabilities())
    with pytest.raises(FileFormatError, match=r"named 'probabilities'; received \['softmax'\]"):
        read(tmp_path / "c17.npz")


def test_pickled_objects_are_refused(tmp_path):
    np.save(tmp_path / "c17.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(FileFormatError, match="case c17"):
        read(tmp_path / "c17.npy")


def test_other_suffix_is_refused(tmp_path):
    with pytest.raises(FileFormatError, match=r"\.npz, \.npy, \.nii or \.nii\.gz; received c\.pkl"):
        read(tmp_path / "c.pkl")


def test_samples_on_another_grid_are_refused(tmp_path):
    np.savez(tmp_path / "c17.npz", probabilities=probabilities())
    with pytest.raises(
        GeometryError, match=r"case c17: .*shape \(9, 9, 9\).*received.*\(4, 5, 6\)"
    ):
        read(tmp_path / "c17.npz", image=np.zeros((1, 9, 9, 9)))


def test_array_without_samples_axis_is_refused(tmp_path):
    np.savez(tmp_path / "c17.npz", probabilities=probabilities()[0])
    with pytest.raises(GeometryError, match="case c17"):
        read(tmp_path / "c17.npz")


def test_case_without_file_is_refused():
    with pytest.raises(InputError, match="case c18: expected a file of samples"):
        next(StoredSamples({"c17": "x.npz"}, model_id="m")(None, np.zeros((1, 3)), case_id="c18"))


def test_identity_is_required_and_a_predictor_refused():
    with pytest.raises(InputError, match="model_id as a non-empty string"):
        StoredSamples({}, model_id="")
    with pytest.raises(SamplingError, match="predictor=None for StoredSamples"):
        StoredSamples({}, model_id="m").model_id(Predictor(abs, model_id="abs"))


def test_overlapping_regions_need_not_sum_to_one(tmp_path):
    saved = np.random.default_rng(0).random((2, 3, *SHAPE), np.float32)
    np.save(tmp_path / "c17.npy", saved)
    with pytest.raises(InputError, match=r"case c17: .*sum to 1.*channels='overlapping'"):
        read(tmp_path / "c17.npy")
    samples = read(tmp_path / "c17.npy", channels="overlapping")
    np.testing.assert_array_equal(torch.stack(samples), saved)
    np.save(tmp_path / "c17.npy", saved + 0.5)
    with pytest.raises(InputError, match=r"case c17: expected probabilities in \[0, 1\]"):
        read(tmp_path / "c17.npy", channels="overlapping")


@pytest.mark.parametrize("name", ["evidence", "probabilities"])
def test_evidence_may_be_any_finite_number_from_zero(tmp_path, name):
    saved = np.random.default_rng(0).exponential(9.0, (1, 3, *SHAPE)).astype(np.float32)
    saved[0, 0] = 0.0
    np.savez(tmp_path / "c17.npz", **{name: saved})
    (sample,) = read(tmp_path / "c17.npz", channels="evidence")
    np.testing.assert_array_equal(sample, saved[0])


@pytest.mark.parametrize("value", [-1e-6, np.nan, np.inf])
def test_evidence_that_is_none_is_refused(tmp_path, value):
    saved = np.ones((1, 2, *SHAPE), np.float32)
    saved[0, 1, 2, 2, 2] = value
    np.save(tmp_path / "c17.npy", saved)
    with pytest.raises(InputError, match="case c17: expected finite evidence >= 0"):
        read(tmp_path / "c17.npy", channels="evidence")


def test_channels_are_said_once_and_named_in_the_identity():
    names = {c: StoredSamples({}, model_id="m", channels=c) for c in ("exclusive", "overlapping")}
    assert names["exclusive"].sampler_id == "StoredSamples"
    assert names["overlapping"].sampler_id == "StoredSamples(channels='overlapping')"
    assert [s.channels(None) for s in names.values()] == ["exclusive", "overlapping"]
    with pytest.raises(InputError, match="one of exclusive, overlapping, evidence; received 'b"):
        StoredSamples({}, model_id="m", channels="binary")


def test_an_npy_file_is_mapped_so_that_one_far_larger_than_memory_is_read(tmp_path):
    shape = (4096, 1, 256, 256, 64)  # 64 GiB, none of it written: a file with a hole
    np.lib.format.open_memmap(tmp_path / "c17.npy", "w+", np.float32, shape).flush()
    sampler = StoredSamples({"c17": tmp_path / "c17.npy"}, model_id="m", channels="overlapping")
    tracemalloc.start()
    samples = sampler(None, np.broadcast_to(np.float32(0), (1, *shape[2:])), case_id="c17")
    first = list(itertools.islice(samples, 2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [tuple(sample.shape) for sample in first] == [shape[1:]] * 2
    assert peak < 60e6  # samples of 17 MB: two are kept here, the third is in the making
