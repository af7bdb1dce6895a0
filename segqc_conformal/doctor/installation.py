"""The installation: versions, device, telemetry."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, requires, version

from segqc_conformal.doctor.finding import Finding

__all__ = ["check_installation"]

_PROJECT = "segqc-conformal"


def check_installation() -> list[Finding]:
    """Find dependencies that are missing or outside the range of versions that is tested.

    Returns
    -------
    list of Finding
        Also the version of Python, the device, and whether telemetry is forbidden.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> check_installation()[0].subject
    'python'
    """
    findings = [Finding("ok", "python", f"{platform.python_version()} on {platform.platform()}")]
    try:
        declared = requires(_PROJECT) or []
        findings.append(Finding("ok", _PROJECT, version(_PROJECT)))
    except PackageNotFoundError:
        return [
            *findings,
            Finding("problem", _PROJECT, "runs from a folder, not installed: pip install -e ."),
        ]
    findings += [finding for text in declared if (finding := _dependency(text)) is not None]
    return [*findings, _device(), _telemetry()]


def _dependency(declared: str) -> Finding | None:
    from packaging.requirements import Requirement

    requirement = Requirement(declared)
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return None
    name, wanted = requirement.name, str(requirement.specifier)
    try:
        installed = version(name)
    except PackageNotFoundError:
        return Finding("problem", name, f"missing: pip install '{name}{wanted}'")
    if not requirement.specifier.contains(installed, prereleases=True):
        return Finding("problem", name, f"{installed}, needed {wanted}: install '{name}{wanted}'")
    return Finding("ok", name, installed)


def _device() -> Finding:
    try:
        import torch
    except Exception as error:  # a broken CUDA installation raises OSError, among others
        return Finding("problem", "device", f"torch does not load: {error}")
    if torch.cuda.is_available():
        return Finding("ok", "device", f"cuda: {torch.cuda.get_device_name()}")
    return Finding("ok", "device", f"cpu, {torch.get_num_threads()} threads (torch sees no GPU)")


def _telemetry() -> Finding:
    value = os.environ.get("DO_NOT_TRACK")
    said = "not set" if value is None else f"set to {value!r}"
    return Finding(
        "ok", "DO_NOT_TRACK", f"{said}; segqc sets it to 1 before evidently loads: nothing is sent"
    )
