"""A small archive in one process; Ray itself is tested in tests/adapters."""

from pathlib import Path

import archive
import archive_page


def test_every_size_is_measured_three_ways_and_the_page_tells(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(archive, "SHAPE", (12, 12, 12))
    growth = archive.growth(tmp_path, [1, 10], tmp_path / "t.parquet")
    assert [row["cases"] for row in growth] == [1, 10]
    assert all(row[name] > 0 for row in growth for name in ("whole", "shards", "again"))
    ray = [
        {"workers": 1, "seconds": 30.0, "again": 10.0},
        {"workers": 2, "seconds": 21.0, "again": 10.0},
    ]
    text = archive_page.section({"shape": (12, 12, 12), "samples": 5, "growth": growth, "ray": ray})
    assert "two workers take 0.55 of the time of one" in text
    assert "An archive 10 times as large" in text
