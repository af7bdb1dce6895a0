"""Settings of a quality net that do not fit together, refused before anything is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segqc_conformal.errors import InputError

if TYPE_CHECKING:
    from segqc_conformal.quality.net.quality_net import QualityNet

__all__ = ["check_settings"]


def check_settings(net: QualityNet) -> None:
    """Check the settings of a net once.

    Raises
    ------
    InputError
        Naming what was expected.
    """
    _check_inputs(net)
    _check_heads(net)
    _check_grid(net)
    _check_schedule(net)


def _check_inputs(net: QualityNet) -> None:
    good = all(isinstance(name, str) and name for name in net.inputs)
    if not net.inputs or not good or len(set(net.inputs)) < len(net.inputs):
        raise InputError(
            "inputs as different names",
            net.inputs,
            "name 'image', 'mask', maps or hooked features, each once",
        )


def _check_heads(net: QualityNet) -> None:
    kinds = [getattr(head, "kind", repr(head)) for head in net.heads]
    alone = kinds == ["slice"] and net.dimensions == 2
    if not kinds or len(set(kinds)) < len(kinds) or ("slice" in kinds and not alone):
        raise InputError(
            "heads of different kinds, or a slice head alone with dimensions=2",
            f"{kinds} with dimensions={net.dimensions}",
            "train one net for slices and another one for whole cases",
        )


def _check_grid(net: QualityNet) -> None:
    step = 2 ** len(net.channels)
    deepest = [length // step for length in net.grid]
    good = len(net.grid) == net.dimensions and not any(n % step for n in net.grid)
    if net.dimensions not in (2, 3) or not net.channels or not good or max(deepest) < 2:
        raise InputError(
            f"dimensions 2 or 3, and a grid of so many lengths divisible by {step}, one of "
            f"them at least {2 * step}",
            f"dimensions={net.dimensions}, grid={net.grid}, channels={net.channels}",
            "choose another grid, or fewer levels of channels",
        )


def _check_schedule(net: QualityNet) -> None:
    whole = {"epochs": net.epochs, "patience": net.patience, "batch_size": net.batch_size}
    wrong = {name: value for name, value in whole.items() if value < 1}
    if wrong or not 0.0 < net.learning_rate < 1.0:
        raise InputError(
            "epochs, patience and batch_size >= 1, learning_rate in (0, 1)",
            wrong or net.learning_rate,
            "correct the settings",
        )
