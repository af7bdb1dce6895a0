"""What the channels of a sample mean; the predictor's activation decides it, nothing is guessed."""

from __future__ import annotations

from typing import Literal, get_args

from segqc_conformal.errors import InputError

__all__ = ["Channels", "check_channels"]

# "exclusive": classes of which each voxel has one; one channel alone is a binary structure.
# "overlapping": regions, each yes or no by itself (BraTS style).
# "evidence": non-negative evidence for exclusive classes, the parameters of a Dirichlet less 1.
Channels = Literal["exclusive", "overlapping", "evidence"]


def check_channels(channels: str) -> Channels:
    """Return `channels` if it is one of the three known names.

    Raises
    ------
    InputError
        For any other name.

    Examples
    --------
    >>> check_channels("overlapping")
    'overlapping'
    """
    for known in get_args(Channels):
        if channels == known:
            return known  # type: ignore[no-any-return]
    raise InputError(
        f"channels as one of {', '.join(get_args(Channels))}",
        repr(channels),
        "say what the channels of a sample mean",
    )
