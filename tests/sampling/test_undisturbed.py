import pytest
import torch
from torch import nn

from segqc_conformal.sampling.undisturbed import undisturbed


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("written", torch.tensor([1.0, float("nan")]))
        self.register_buffer("replaced", torch.zeros(2))
        self.register_buffer("spread", torch.ones(1).expand(3))

    def forward(self, batch):
        self.written.data.add_(1)
        self.replaced = self.replaced + 1
        return batch


def test_a_gradient_computed_inside_is_not_left_on_the_model():
    model = nn.Linear(2, 1)
    with undisturbed(model), torch.enable_grad():
        model(torch.ones(1, 2)).sum().backward()
    assert model.weight.grad is None


def test_buffers_the_model_writes_to_or_replaces_are_put_back():
    model = Counting()
    replaced = model.replaced
    with undisturbed(model):
        model(torch.ones(1))
        assert model.written[0].item() == 2.0
    torch.testing.assert_close(model.written, torch.tensor([1.0, float("nan")]), equal_nan=True)
    assert model.replaced is replaced
    assert replaced.tolist() == [0.0, 0.0]


def test_statistics_of_batch_normalisation_are_put_back_if_the_model_switches_it_on():
    class Adapting(nn.BatchNorm1d):
        def forward(self, batch):
            self.training = True
            return super().forward(batch)

    model = Adapting(2).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with undisturbed(model):
        model(torch.randn(8, 2))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not model.training


def test_everything_is_put_back_when_an_exception_passes():
    model = Counting().train()
    state = torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt), undisturbed(model):  # noqa: PT012
        model(torch.rand(1))
        raise KeyboardInterrupt
    assert (model.training, model.written[0].item()) == (True, 1.0)
    assert torch.equal(torch.get_rng_state(), state)


def test_of_a_plain_callable_only_the_random_state_is_kept():
    state = torch.get_rng_state()
    with undisturbed(abs):
        torch.rand(1)
    assert torch.equal(torch.get_rng_state(), state)


def test_cudnn_repeats_its_results_inside_and_is_as_found_outside(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    with undisturbed(abs):
        inside = (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark)
    assert inside == (True, False)
    assert (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark) == (False, True)
