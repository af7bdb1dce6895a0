import pytest
import torch

from segqc_conformal.errors import InputError
from segqc_conformal.uncertainty.layout import Layout


@pytest.mark.parametrize(
    ("channels", "count", "groups", "classes", "labels", "rows"),
    [
        ("exclusive", 4, 1, 4, (1, 2, 3), [1, 2, 3]),
        ("exclusive", 1, 1, 2, (1,), [1]),
        ("overlapping", 1, 1, 2, (1,), [1]),
        ("overlapping", 3, 3, 2, (1, 2, 3), [1, 3, 5]),
        ("evidence", 3, 1, 3, (1, 2), [1, 2]),
    ],
)
def test_each_kind_of_channels_has_its_groups(channels, count, groups, classes, labels, rows):
    layout = Layout(channels, count, (2,))
    assert (layout.groups, layout.classes, layout.labels) == (groups, classes, labels)
    assert [layout.row(label) for label in labels] == rows
    sample = torch.rand(count, 2)
    grouped = layout.grouped(sample)
    assert grouped.shape == (groups, classes, 2)
    structures = sample if classes == 2 else sample[1:]
    assert torch.equal(grouped.flatten(0, 1)[rows], structures)


@pytest.mark.parametrize(
    ("layout", "label", "message"),
    [
        (Layout("exclusive", 3, (2,)), 3, "below the number of classes, 3"),
        (Layout("exclusive", 1, (2,)), 2, "below the number of classes, 2"),
        (Layout("overlapping", 1, (2,)), 2, "below the number of classes, 2"),
        (Layout("overlapping", 3, (2,)), 4, "up to the number of regions, 3"),
    ],
)
def test_labels_without_a_channel_are_refused(layout, label, message):
    layout.check_structures({"a": label - 1 or 1})
    with pytest.raises(InputError, match=message):
        layout.check_structures({"a": label})
