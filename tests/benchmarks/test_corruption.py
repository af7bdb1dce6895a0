"""The benchmark of corrupted masks, on a few synthetic cases."""

from __future__ import annotations

import corruption
import numpy as np

import segqc_conformal as sq
from segqc_conformal.corruption import KINDS


def test_a_table_has_the_mix_and_each_kind_and_its_shares_add_up() -> None:
    labels = np.zeros((24, 24), dtype=int)
    labels[6:12, 6:18], labels[12:18, 6:18] = 1, 2
    cases = [sq.Case(labels, f"c{k}", f"p{k}", reference=labels) for k in range(20)]
    found = list(corruption.rows(cases, corruption.REQUESTED["flat"], KINDS))
    assert [row[0] for row in found] == ["requested", "all", *KINDS]
    assert all(len(row) == len(corruption.HEAD) for row in found)
    assert all(abs(sum(map(float, row[3:-1])) - 1.0) < 0.03 for row in found)
    assert float(str(found[1][1])) <= 0.03
