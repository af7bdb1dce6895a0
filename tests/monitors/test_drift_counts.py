from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp

from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.monitors import DriftCounts, bin_edges, counted_files, drift_numbers


def values(seed: int, shift: float = 0.0, rows: int = 3_000) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": rng.normal(shift, 1.0, rows),
            "y": np.round(rng.normal(size=rows)),
            "site": rng.choice(["A", "B"], rows),
        }
    )


def edges(frame: pd.DataFrame) -> dict[str, list[float]]:
    return {name: bin_edges(frame[name]) for name in ("x", "y")}


def counted(frame: pd.DataFrame, of: pd.DataFrame) -> DriftCounts:
    counts = DriftCounts(edges(of))
    counts.add(frame)
    return counts


def test_numbers_are_those_of_the_values_in_the_same_bins() -> None:
    then, now = values(0), values(1, shift=0.4)
    found = drift_numbers(counted(then, then), counted(now, then)).set_index("column")
    assert found.index.tolist() == ["x", "y"]
    borders = [-np.inf, *bin_edges(then["x"]), np.inf]
    p, q = (np.histogram(frame["x"], borders)[0] + 0.5 for frame in (then, now))
    p, q = p / p.sum(), q / q.sum()
    assert found.loc["x", "js"] == pytest.approx(jensenshannon(p, q, base=2))
    assert found.loc["x", "psi"] == pytest.approx(np.sum((p - q) * np.log(p / q)))
    exact = ks_2samp(then["x"], now["x"]).statistic
    assert 0.8 * exact < found.loc["x", "ks"] <= exact
    assert found.loc["y", "ks"] < 0.05


def test_shards_add_up_to_one_pass_in_any_order() -> None:
    frame = values(0)
    whole = counted(frame, frame)
    parts = [counted(frame[first : first + 700], frame) for first in range(0, 3_000, 700)]
    for order in (parts, parts[::-1]):
        assert DriftCounts.merged(order).to_json() == whole.to_json()
    assert DriftCounts.from_json(whole.to_json()).to_json() == whole.to_json()
    with pytest.raises(InputError, match="same columns and edges"):
        DriftCounts.merged([whole, DriftCounts({"x": [0.0], "y": [0.0]})])
    with pytest.raises(InputError, match="counts to merge"):
        DriftCounts.merged([])
    with pytest.raises(FileFormatError, match="drift-counts/1"):
        DriftCounts.from_json(whole.to_json().replace('"rows"', '"lines"'))


def test_files_are_counted_in_one_pass_by_site(tmp_path: Path) -> None:
    frame = values(0)
    frame.loc[:9, "x"] = np.nan
    frame[:1_000].to_parquet(tmp_path / "a.parquet")
    frame[1_000:].drop(columns="y").to_parquet(tmp_path / "b.parquet")
    files = sorted(tmp_path.glob("*.parquet"))
    together = counted_files(files, edges(frame))["all"]
    assert (together.rows, together.missing("x"), together.missing("y")) == (3_000, 10, 2_000)
    by_site = counted_files(files, edges(frame), by="site")
    assert sorted(by_site) == ["A", "B"]
    assert DriftCounts.merged(by_site.values()).to_json() == together.to_json()
    with pytest.raises(InputError, match="a column scanner"):
        counted_files(files, edges(frame), by="scanner")
    (tmp_path / "c.parquet").write_text("no table")
    with pytest.raises(FileFormatError, match=r"c\.parquet"):
        counted_files([tmp_path / "c.parquet"], edges(frame))


@pytest.mark.parametrize("column", [[np.nan] * 5, [2.0] * 5, [np.inf, -np.inf, 1.0, 2.0, np.nan]])
def test_empty_constant_and_infinite_columns_do_not_break_it(column: list[float]) -> None:
    frame = pd.DataFrame({"x": column})
    counts = DriftCounts({"x": bin_edges(column)})
    counts.add(frame)
    found = drift_numbers(counts, counts).iloc[0]
    assert found["missing_now"] == frame["x"].isna().mean()
    assert found["ks"] == 0.0 or frame["x"].isna().all()


def test_what_is_no_number_or_no_edge_is_refused_by_name() -> None:
    counts = DriftCounts({"x": [0.0]})
    with pytest.raises(InputError, match="numbers in column x"):
        counts.add(pd.DataFrame({"x": ["a"]}))
    assert counts.rows == 0
    for wrong in ([1.0, 0.0], [np.nan]):
        with pytest.raises(InputError, match="rising edges of column x"):
            DriftCounts({"x": wrong})
