"""A folder of cases: each is read once, then all are compared."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from segqc_conformal.adapters.nnunet import NnunetFolder, is_nnunet_folder
from segqc_conformal.doctor import images, masks, structures
from segqc_conformal.doctor.finding import Complaint, Finding, complaint_of, listed
from segqc_conformal.doctor.seen_case import SeenCase
from segqc_conformal.errors import SegqcError
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.features.case_folders import FoundCases, find_files
from segqc_conformal.features.stored_case_files import StoredCaseFiles
from segqc_conformal.geometry import spacing_in_words

if TYPE_CHECKING:
    from segqc_conformal.case import Case
    from segqc_conformal.sampling.channels import Channels

__all__ = ["check_cases", "holds_probabilities"]

Labels = Mapping[str, int]


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
    labels: Labels,
    channels: Channels = "exclusive",
    track: Callable[[Iterable[CaseFiles]], Iterable[CaseFiles]] = iter,
) -> list[Finding]:
    """Read every case, look at it, and compare it with the others.

    Parameters
    ----------
    found : FoundCases
    labels : mapping of str to int
        Structure name -> label that masks should hold; empty: labels are not looked at.
    channels : {"exclusive", "overlapping", "evidence"}
        What the channels of saved probabilities mean.
    track : callable, optional
        Wraps the cases as they are read, for a progress bar.

    Returns
    -------
    list of Finding
        Counts first, then what is wrong. What several cases share is said once and names them.

    Notes
    -----
    One case is in memory at a time.
    Guarantee: none.
    """
    complaints: dict[Complaint, list[str]] = defaultdict(list)
    seen: list[SeenCase] = []
    references = 0
    for files in track(found.cases):
        has_image = not isinstance(files, StoredCaseFiles) or files.scan is not None
        try:
            case = files.load()
            said = list(_of_case(case, labels, has_image))
            if found.samples:
                said += _of_samples(case, found, labels, channels)
        except SegqcError as error:
            complaints[complaint_of(error)].append(files.case_id)
            continue
        references += case.reference is not None
        seen.append(SeenCase.of(case, labels, has_image))
        for complaint in said:
            complaints[complaint].append(case.case_id)
    bad = {each for said, ids in complaints.items() if said.level == "problem" for each in ids}
    return [
        *_counts(found, seen, len(found.cases) - len(bad), references),
        *_said_once(complaints),
        *images.unlike_spacing(seen),
        *images.mixed_orientations(seen),
        *images.copied_image(seen),
        *structures.leaked_reference(seen),
        *structures.absent_structure(seen, labels),
        *structures.transposed_structure(seen),
    ]


def _of_case(case: Case, labels: Labels, has_image: bool) -> Iterable[Complaint]:
    yield from filter(None, [images.implausible_size(case), masks.turned_mask(case)])
    yield from masks.wrong_labels(case, labels)
    yield from masks.empty_mask(case, labels)
    if has_image:
        yield from filter(None, [images.constant_image(case)])
        yield from masks.mask_on_background(case)


def _of_samples(
    case: Case, found: FoundCases, labels: Labels, channels: Channels
) -> Iterable[Complaint]:
    from segqc_conformal.doctor import samples
    from segqc_conformal.sampling.stored_samples import StoredSamples

    folder = found.samples[case.case_id][0].parent
    if is_nnunet_folder(folder):
        channels = NnunetFolder(folder).channels
    sampler = StoredSamples(found.samples, model_id="doctor", channels=channels)
    # reading each one checks it
    drawn = list(sampler(None, case.channels_first(), case_id=case.case_id))
    yield from samples.too_few_classes(len(drawn[0]), labels)
    yield from samples.equal_samples(drawn)
    if channels == "exclusive":
        yield from samples.softmax_twice(drawn)


def _counts(
    found: FoundCases, seen: list[SeenCase], good: int, references: int
) -> Iterable[Finding]:
    head = f"{len(found.cases)} found, {good} usable, {references} with a reference mask"
    yield Finding("ok" if good else "problem", "cases", head)
    if seen:
        grids = Counter(case.spacing for case in seen)
        kinds = f"{len(grids)} kinds, most often " if len(grids) > 1 else ""
        yield Finding("ok", "voxel size", kinds + spacing_in_words(grids.most_common(1)[0][0]))
    if found.unused:
        names = listed(str(path) for path in found.unused)
        yield Complaint(
            "warning", "files of listed cases", names, "correct their names or the list"
        ).about("files")


def _said_once(complaints: Mapping[Complaint, list[str]]) -> Iterable[Finding]:
    for complaint, cases in complaints.items():
        if len(cases) == 1:
            yield complaint.about(f"case {cases[0]}")
        else:
            yield complaint.about(f"{len(cases)} cases", cases)
