"""Peak memory of a whole case, each method in a process of its own (Linux).

``python benchmarks/uncertainty_memory.py METHOD SAMPLES CLASSES SIZE...`` is that process.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch
from uncertainty_methods import accumulated_figures, accumulator, stacked_figures
from uncertainty_samples import write_sample

METHODS = ("plain", "fast", "stack")
STATUS = Path("/proc/self/status")
MB = 2**20


def peak_of_case(
    method: str, count: int, classes: int, spatial: tuple[int, ...]
) -> dict[str, float]:
    """Take all samples, one at a time from a seed, and return the peak above the inputs.

    The inputs are one buffer that every sample is written into; the stack is written into directly
    and pays for nothing but itself and what is computed from it.
    """
    sample = write_sample(torch.empty(classes, *spatial), 0)
    _case(method, 2, torch.empty(classes, *(8,) * len(spatial)))
    before = memory("VmRSS")
    ms = _case(method, count, sample)
    return {"peak_mb": (memory("VmHWM") - before) / MB, "ms": ms}


def memory(name: str) -> int:
    """Return a line of the process's status in bytes: VmRSS now, VmHWM its highest so far."""
    found = re.search(rf"{name}:\s+(\d+) kB", STATUS.read_text())
    assert found is not None
    return 1024 * int(found[1])


def _case(method: str, count: int, sample: torch.Tensor) -> float:
    classes, spatial = sample.shape[0], sample.shape[1:]
    if method == "stack":
        stack = torch.empty(count, classes, *spatial)
        for number in range(count):
            stack[number] = write_sample(sample, number)
        begin = perf_counter()
        stacked_figures(stack)
        return 1000.0 * (perf_counter() - begin) / count
    held, times = accumulator(classes, len(spatial), method == "fast"), []
    for number in range(count):
        write_sample(sample, number)
        begin = perf_counter()
        held.update(sample)
        times.append(1000.0 * (perf_counter() - begin))
    accumulated_figures(held)
    return median(times)


def memory_row(
    count: int, classes: int, spatial: tuple[int, ...], methods: Sequence[str] = METHODS
) -> dict[str, Any]:
    """Measure one row; a stack that would take half of the free memory is left out."""
    row: dict[str, Any] = {"samples": count, "classes": classes, "spatial": list(spatial)}
    stack = 3.0 * 4.0 * count * classes * torch.Size(spatial).numel()  # itself and two like it
    for method in methods:
        if method == "stack" and stack > 0.5 * _available():
            row[method] = {"skipped": f"about {stack / 1e9:.0f} GB needed"}
        else:
            row[method] = _in_own_process(method, count, classes, spatial)
    return row


def _available() -> float:
    found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    assert found is not None
    return 1024.0 * int(found[1])


def _in_own_process(method: str, *sizes: Any) -> dict[str, float]:
    count, classes, spatial = sizes
    numbers = [str(number) for number in (count, classes, *spatial)]
    call = [sys.executable, __file__, method, *numbers]
    found = subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, float] = json.loads(found.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    _, chosen, *rest = sys.argv
    number_of, channels, *grid = (int(text) for text in rest)
    print(json.dumps(peak_of_case(chosen, number_of, channels, tuple(grid))))
