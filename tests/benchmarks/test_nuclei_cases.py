"""Tiles for testing are ones that no model has seen, and have nuclei."""

from __future__ import annotations

import os

import nuclei_cases
import numpy as np
import pytest
import torch


@pytest.fixture
def real_data() -> None:
    if not os.environ.get("SEGQC_DATA"):
        pytest.skip("SEGQC_DATA is not set: it names the folder of data and models")


def test_z_score_is_per_channel_and_of_the_population() -> None:
    tile = np.random.default_rng(0).uniform(0, 255, (3, 16, 16)).astype(np.float32)
    expected = (tile - tile.mean((1, 2), keepdims=True)) / (tile.std((1, 2), keepdims=True) + 1e-3)
    found = nuclei_cases.z_score(torch.from_numpy(tile)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_without_data_it_names_the_variable(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGQC_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match=f"SEGQC_DATA={tmp_path}"):
        nuclei_cases.data_folder()


@pytest.mark.usefixtures("real_data")
def test_no_tile_was_trained_on_and_each_has_nuclei() -> None:
    fluorescence = nuclei_cases.held_out_tiles(fluorescence=True)
    tissue = nuclei_cases.held_out_tiles(fluorescence=False)
    seen = nuclei_cases.trained_on()
    assert len(seen) == 60
    assert not seen & {*fluorescence, *tissue}
    assert (len(fluorescence), len(tissue)) == (477, 123)
    assert nuclei_cases.tiles()["y"][fluorescence].any(axis=(1, 2)).all()
    assert {nuclei_cases.load_case(tile, "shifted").site for tile in tissue} == {
        "brightfield_gray",
        "histology_purple",
        "histology_purple_white",
    }


@pytest.mark.usefixtures("real_data")
def test_degraded_tile_is_seeded_by_its_name_and_keeps_its_reference() -> None:
    tile = nuclei_cases.held_out_tiles(fluorescence=True)[0]
    clean, one, again = (
        nuclei_cases.load_case(tile, version) for version in ("clean", "degraded", "degraded")
    )
    assert clean.image.shape == (3, 256, 256)
    assert not np.array_equal(clean.image, one.image)
    np.testing.assert_array_equal(one.image, again.image)
    assert clean.reference is not None
    np.testing.assert_array_equal(clean.reference, one.reference)
    assert clean.patient_id == one.patient_id
    assert clean.case_id != one.case_id
