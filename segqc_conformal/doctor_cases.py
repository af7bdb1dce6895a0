"""What could go wrong before it does: a folder of cases, their masks and their list."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segqc_conformal.adapters.nnunet import NnunetFolder, is_nnunet_folder
from segqc_conformal.doctor import Finding
from segqc_conformal.errors import InputError, SegqcError
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.features.case_folders import FoundCases, find_files
from segqc_conformal.features.case_list import ListedCase

if TYPE_CHECKING:
    from segqc_conformal.case import Case

__all__ = ["check_case_list", "check_cases", "holds_probabilities"]

_NAMED = 5


def holds_probabilities(folder: str | Path) -> bool:
    """Return whether a folder holds ``.npz`` files or folders of samples, rather than images.

    Examples
    --------
    >>> import tempfile
    >>> holds_probabilities(tempfile.mkdtemp())
    False
    """
    folder = Path(folder)
    inner = any(part.is_dir() and find_files(part) for part in folder.iterdir())
    return inner or bool(find_files(folder, (".npz",)))


def check_cases(
    found: FoundCases,
    structures: Mapping[str, int],
    track: Callable[[Iterable[CaseFiles]], Iterable[CaseFiles]] = iter,
) -> list[Finding]:
    """Read every case and compare what belongs together.

    Parameters
    ----------
    found : FoundCases
    structures : mapping of str to int
        Labels that masks should hold; empty: labels are not looked at.
    track : callable, optional
        Wraps the cases as they are read, for a progress bar.

    Returns
    -------
    list of Finding
        A problem for each case that cannot be read or whose shape, spacing or affine disagree; a
        warning for each kind of oddity, with the cases that show it.

    Notes
    -----
    Guarantee: none.
    """
    problems: list[Finding] = []
    odd: dict[str, list[str]] = defaultdict(list)
    grids: Counter[tuple[float, ...]] = Counter()
    references = 0
    for files in track(found.cases):
        try:
            case = files.load()
            oddities = _label_oddities(case, structures)
            oddities += _sample_oddities(case, found, structures)
        except SegqcError as error:
            problems.append(Finding("problem", f"case {files.case_id}", _without_case(error)))
            continue
        references += case.reference is not None
        grids[case.spacing] += 1
        for oddity in oddities:
            odd[oddity].append(files.case_id)
    good = len(found.cases) - len(problems)
    head = f"{len(found.cases)} found, {good} usable, {references} with a reference mask"
    findings = [Finding("ok" if good else "problem", "cases", head)]
    if grids:
        common = " x ".join(f"{step:g}" for step in grids.most_common(1)[0][0]) + " mm"
        kinds = f"{len(grids)} kinds, most often " if len(grids) > 1 else ""
        findings.append(Finding("ok", "voxel size", kinds + common))
    if found.unused:
        names = _listed([str(path) for path in found.unused])
        findings.append(Finding("warning", "files", f"fit no case: {names}"))
    warnings = [Finding("warning", "cases", f"{why}: {_listed(ids)}") for why, ids in odd.items()]
    return [*findings, *problems, *warnings]


def _without_case(error: SegqcError) -> str:
    return f"expected {error.expected}; received {error.received}; remedy: {error.remedy}"


def _label_oddities(case: Case, structures: Mapping[str, int]) -> list[str]:
    oddities = []
    known = {0, *structures.values()}
    for name, labels in (("deployed mask", case.mask), ("reference mask", case.reference)):
        if labels is None or not structures:
            continue
        held = {int(label) for label in np.unique(labels)}
        if outside := sorted(held - known):
            oddities.append(f"{name} with labels {outside} that are no structure")
        if not held & set(structures.values()):
            oddities.append(f"{name} without any structure")
    return oddities


def _sample_oddities(case: Case, found: FoundCases, structures: Mapping[str, int]) -> list[str]:
    if not found.samples:
        return []
    from segqc_conformal.sampling.stored_samples import StoredSamples

    folder = found.samples[case.case_id][0].parent
    channels = NnunetFolder(folder).channels if is_nnunet_folder(folder) else "exclusive"
    sampler = StoredSamples(found.samples, model_id="doctor", channels=channels)
    samples = sampler(None, case.channels_first(), case_id=case.case_id)
    classes = [len(sample) for sample in samples]  # reading each one checks it
    if structures and max(structures.values()) >= max(2, *classes):
        raise InputError(
            f"a class for each of {dict(structures)}",
            f"{classes[0]} classes",
            "count labels from 0, the background",
        )
    return ["a single sample, so that nothing can disagree"] if len(classes) == 1 else []


def check_case_list(listed: list[ListedCase], found: FoundCases) -> list[Finding]:
    """Compare the ids of a case list with the files.

    Parameters
    ----------
    listed : list of ListedCase
    found : FoundCases
        Found with this list.

    Returns
    -------
    list of Finding
        A warning where ids differ from file names by leading zeros only, as a spreadsheet makes
        them.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> found = FoundCases((), (Path("0012.nii.gz"),))
    >>> check_case_list([ListedCase("12", "p1")], found)[1].message
    'leading zeros are lost in: 12 (file 0012)'
    """
    patients = len({case.patient_id for case in listed})
    sites = len({case.site for case in listed})
    said = f"{len(listed)} cases of {patients} patients; sites: {sites}"
    findings = [Finding("ok", "case list", said)]
    files = {path.name.split(".")[0] for path in found.unused}
    bare = {name.lstrip("0"): name for name in files}
    lost = [
        f"{case.case_id} (file {bare[case.case_id]})"
        for case in listed
        if case.case_id in bare and bare[case.case_id] != case.case_id
    ]
    if lost:
        findings.append(
            Finding("warning", "case list", f"leading zeros are lost in: {_listed(lost)}")
        )
    return findings


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
