"""A model from PyPI gets features and a verdict, and is not certified on one patient."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from segqc_conformal.features.table import read_table

EXAMPLE = Path(__file__).parents[2] / "examples" / "foreign_model.py"


def test_deepbet_is_walked_to_the_verdict_that_one_patient_allows(
    guarded: Any, tmp_path: Path
) -> None:
    missing = [name for name in ("deepbet", "nilearn") if find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: pip install 'segqc-conformal[examples]'")
    done = guarded.python(EXAMPLE, "--quick", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert guarded.refused == []
    assert "warning: dropout: expected dropout layers" in done.stdout
    assert "problem" not in done.stdout
    assert "2 cases, 1 patient" in done.stdout
    for case_id in ("mni152", "mni152-warped"):
        assert f"{case_id}: cannot_certify, Dice in [0, 1]" in done.stdout
    table = read_table(tmp_path / "features.parquet")
    assert table["failed"].isna().all()
    # a brain is a brain, on the template and on its warped copy
    assert (table["dice"] > 0.9).all()
    assert set(table["patient_id"]) == {"mni152"}
    assert (table["feature_pairwise_dice"] < 1.0).all()  # its two samples do differ
