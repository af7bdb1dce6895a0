import pytest
import torch

from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.sampling.evidence_check import check_evidence, check_not_normalised


def test_evidence_is_returned_as_it_is():
    evidence = torch.tensor([[0.0, 3.0], [1e6, 0.25]])
    assert check_evidence(evidence, (2,)) is evidence


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), -1e-9])
def test_what_is_no_evidence_is_refused_naming_the_case(value):
    with pytest.raises(InputError, match=r"case c17: expected finite evidence >= 0"):
        check_evidence(torch.tensor([[1.0], [value]]), case_id="c17")


@pytest.mark.parametrize(
    ("evidence", "message"),
    [
        (torch.ones(2, 3, dtype=torch.int64), "floating-point evidence of shape"),
        (torch.ones(1, 3), "at least two classes"),
        (torch.ones(2, 0), "at least one voxel"),
    ],
)
def test_other_forms_are_refused(evidence, message):
    with pytest.raises(InputError, match=message):
        check_evidence(evidence)


def test_another_grid_is_refused():
    with pytest.raises(GeometryError, match=r"evidence of the image's shape \(4,\).*shape \(3,\)"):
        check_evidence(torch.ones(2, 3), (4,))


def test_evidence_that_became_probabilities_is_noticed():
    evidence = torch.tensor([[3.0, 1.0], [1.0, 0.0]])
    check_not_normalised(evidence, evidence[:, :1])
    check_not_normalised(torch.eye(2), torch.eye(2))
    with pytest.raises(InputError, match="keeps the size of evidence"):
        check_not_normalised(evidence, evidence / evidence.sum(0))
