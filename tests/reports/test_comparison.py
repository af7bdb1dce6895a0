import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from segqc_conformal.calibrators.usefulness import usefulness
from segqc_conformal.errors import FileFormatError
from segqc_conformal.evaluation.comparison import compare_predictors
from segqc_conformal.evaluation.voxel_errors import VoxelErrors
from segqc_conformal.features.table import read_table
from segqc_conformal.reports.comparison import write_comparison

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def comparison(new_table):
    rng = np.random.default_rng(0)
    table = new_table.assign(feature_entropy=1 - new_table["dice"] + rng.normal(0, 0.1, 200))
    return compare_predictors(table)


@pytest.fixture(scope="module")
def voxels():
    rng = np.random.default_rng(1)
    errors, uncertainty = VoxelErrors(1.0), rng.random(5000)
    wrong = rng.random(5000) < uncertainty
    errors.update(uncertainty, 1 - uncertainty / 2, np.where(wrong, 0, 1), np.ones(5000, int))
    return {"predictive_entropy": errors}


@pytest.fixture(scope="module")
def page(comparison, voxels, tmp_path_factory):
    path = tmp_path_factory.mktemp("comparison") / "c.html"
    return write_comparison(path, comparison, voxels, NOW)


def test_page_says_the_short_answer_first_and_names_conventions(page, comparison):
    text = page.read_text("utf-8")
    first = text.index("Short answer</h2>")
    assert first < text.index("anterior</h2>") < text.index("Three levels</h2>")
    for part in comparison.structures:
        line = part.row("combination", "aurc")
        said = f"{part.structure}: the combination (AURC {line['value']:.3f}"
        assert first < text.index(said) < text.index("anterior</h2>")
    for word in ("rectangle convention", "trapezoid convention", "UCM (reconstruction)"):
        assert word in text


def test_page_is_drawn_in_chromium_and_fits_a_telephone(page, chromium, scroll_width):
    dom = chromium(page, 1100)
    assert dom.count('class="main-svg"') >= 4
    assert "perfect order" in dom
    assert scroll_width(page, 420) <= 420


def test_without_voxels_the_page_says_what_is_missing(comparison, page, tmp_path):
    text = write_comparison(tmp_path / "c.html", comparison, now=NOW).read_text("utf-8")
    assert "Missing: no voxels were counted" in text
    assert "Missing: no voxels" not in page.read_text("utf-8")


def test_useless_features_are_called_so(comparison, tmp_path):
    useless = usefulness([0.1, 0.9, 0.5, 0.4], [0.9, 0.1, 0.5, 0.6])
    parts = tuple(replace(part, usefulness=useless) for part in comparison.structures)
    path = write_comparison(tmp_path / "c.html", replace(comparison, structures=parts), now=NOW)
    assert "anterior: the combination does not rank masks better than" in path.read_text("utf-8")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_table_form_reads_back(comparison, tmp_path, suffix):
    path = write_comparison(tmp_path / f"c.{suffix}", comparison)
    table = read_table(path)
    assert table["value"].to_numpy() == pytest.approx(comparison.numbers["value"], nan_ok=True)


def test_json_form_holds_numbers_voxels_and_settings(comparison, voxels, tmp_path):
    found = json.loads(write_comparison(tmp_path / "c.json", comparison, voxels).read_text())
    assert len(found["numbers"]) == len(comparison.numbers)
    assert found["voxels"]["predictive_entropy"]["voxels"] == 5000
    assert found["settings"]["best_single"].keys() == {"anterior", "posterior"}


def test_another_suffix_is_refused(comparison, tmp_path):
    with pytest.raises(FileFormatError, match=r"\.json"):
        write_comparison(tmp_path / "c.pdf", comparison)
