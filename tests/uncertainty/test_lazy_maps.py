import torch

from segqc_conformal.uncertainty import lazy_maps
from segqc_conformal.uncertainty.buffers import Buffers
from segqc_conformal.uncertainty.lazy_maps import LazyMaps, StructureMaps
from segqc_conformal.uncertainty.maps import MAPS


def two_regions() -> LazyMaps:
    p = torch.tensor([[0.9, 0.2, 0.5], [0.4, 0.3, 1.0]])
    buffers = Buffers((1, 3), mean=torch.stack([1 - p, p], dim=1))
    held = {name: rule for name, rule in MAPS.items() if rule.needs <= {"mean"}}
    return LazyMaps(held, buffers, 1)


def test_maps_are_computed_at_first_access_and_kept(monkeypatch):
    asked, compute = [], lazy_maps.computed_map
    monkeypatch.setattr(
        lazy_maps, "computed_map", lambda *given: asked.append(given[0]) or compute(*given)
    )
    maps = two_regions()
    own = StructureMaps(maps, {"groups": 0, "classes": 0, "structures": 0})
    assert "margin" in own
    assert "epkl" not in own
    assert len(own) == len(maps) == len(list(own)) > 4
    assert asked == []
    assert maps["margin"] is maps["margin"]
    assert own["margin"].data_ptr() == maps["margin"].data_ptr()
    assert asked == [MAPS["margin"]]


def test_a_structure_sees_its_own_row():
    maps = two_regions()
    second = StructureMaps(maps, {"groups": 1, "classes": 1, "structures": 1})
    torch.testing.assert_close(second["mean_probability"], torch.tensor([0.4, 0.3, 1.0]))
    torch.testing.assert_close(second["margin"], torch.tensor([0.2, 0.4, 1.0]))
    name = "one_vs_rest_predictive_entropy"
    torch.testing.assert_close(second[name], second["predictive_entropy"])
