import re

import torch
from torch import nn

from segqc_conformal.sampling.model_identity import ensemble_identity, weights_identity


def layer() -> nn.Module:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.5)
    return model


def test_same_weights_same_id_in_the_documented_form():
    assert weights_identity(layer()) == weights_identity(layer())
    assert re.fullmatch("sha256:[0-9a-f]{16}", weights_identity(layer()))


def test_one_flipped_bit_changes_the_id():
    changed = layer()
    with torch.no_grad():
        changed[0].weight[0, 0] = torch.nextafter(torch.tensor(0.5), torch.tensor(1.0))
    assert weights_identity(changed) != weights_identity(layer())


def test_buffers_names_and_precision_count():
    buffers, renamed = layer(), nn.Sequential(layer()[0], nn.Identity(), layer()[1])
    buffers[1].running_mean += 1.0
    ids = {weights_identity(m) for m in (layer(), buffers, renamed, layer().to(torch.bfloat16))}
    assert len(ids) == 4


def test_training_flag_does_not_count():
    assert weights_identity(layer().eval()) == weights_identity(layer().train())


def test_ensemble_id_depends_on_every_member():
    assert ensemble_identity(["a", "b"]) != ensemble_identity(["a", "c"])
