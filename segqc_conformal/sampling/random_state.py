"""The caller's random state: kept as found, and seeded where a sample asks for it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

__all__ = ["kept_random_state", "seed_torch"]


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Restore the random state of python, numpy and torch on leaving, also on an exception.

    Notes
    -----
    Guarantee: the state afterwards is bit-identical, on the CPU and on every GPU in use.

    Examples
    --------
    >>> before = torch.get_rng_state()
    >>> with kept_random_state():
    ...     _ = torch.rand(3)
    >>> torch.equal(before, torch.get_rng_state())
    True
    """
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    cpu_state = torch.get_rng_state()
    # Touching a GPU that nobody uses would start it, and cost seconds.
    cuda_states = torch.cuda.get_rng_state_all() if _cuda_in_use() else []
    mps_state = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
        torch.set_rng_state(cpu_state)
        if cuda_states:
            torch.cuda.set_rng_state_all(cuda_states)
        if mps_state is not None:
            torch.mps.set_rng_state(mps_state)


def seed_torch(seed: int) -> None:
    """Seed torch's generators on the CPU and on the GPUs in use.

    Unlike ``torch.manual_seed`` it leaves nothing queued for a GPU that starts later.
    """
    torch.default_generator.manual_seed(seed)
    if _cuda_in_use():
        torch.cuda.manual_seed_all(seed)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(seed)


def _cuda_in_use() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]
