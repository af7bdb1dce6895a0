"""From cases to the feature table: the loop over a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from segqc_conformal.case import Case
from segqc_conformal.errors import InputError, why_failed
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.features.extractor import FeatureExtractor, Postprocess, Row
from segqc_conformal.features.resume import case_key, read_finished, write_finished
from segqc_conformal.features.saved_maps import save_maps
from segqc_conformal.features.table import check_feature_table
from segqc_conformal.file_names import safe_file_name
from segqc_conformal.measures.schema import STANDARD, FeatureSchema
from segqc_conformal.progress_bar import progress_bar
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.sampler import Sampler

__all__ = ["extract_features"]


def extract_features(
    cases: Iterable[Case | CaseFiles],
    predictor: Predictor | None,
    sampler: Sampler,
    *,
    structures: Mapping[str, int],
    postprocess: Postprocess | None = None,
    schema: FeatureSchema = STANDARD,
    maps_folder: str | Path | None = None,
    resume_folder: str | Path | None = None,
    fast: bool = False,
    progress: bool = True,
) -> pd.DataFrame:
    """Extract the feature table of a batch of cases.

    Parameters
    ----------
    cases : iterable of Case or CaseFiles
        Read one at a time. A case id that comes again is a failed row.
    predictor : Predictor, optional
        None for samplers that bring their own models or samples.
    sampler : Sampler
    structures : mapping of str to int
        Structure name -> label.
    postprocess : callable, optional
        ``label_map -> label_map``, applied to the fused mask where a case has no deployed mask.
    schema : FeatureSchema
        Which features are measured: ``FeatureSchema("full")`` for all of them, with ``own=f`` for
        a function of your own besides.
    maps_folder : path, optional
        Save the uncertainty maps and the judged mask of each case there, as `save_maps` does, in
        one folder for each case.
    resume_folder : path, optional
        Finished cases are kept there, one small file each, and not computed again; failed ones
        are tried again.
    fast : bool
        Use the compiled path of the ``[fast]`` extra; the values are the same.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    DataFrame
        The feature table: one row per case and structure. A case that fails has ``failed`` = why
        and NaN features, and does not stop the batch. ``judged`` is "deployed" where the case has
        a mask of its own ("corrupted" where that is marked so: such rows may train, and whatever
        calibrates refuses them), else "fused".

    Raises
    ------
    InputError
        If there is no case, or something that is neither Case nor CaseFiles.
    SamplingError
        If the sampler cannot work with this predictor at all.

    Notes
    -----
    Guarantee: every case that goes in comes out; the model and the caller's random state are left
    as found.

    Examples
    --------
    >>> import numpy as np
    >>> from segqc_conformal.sampling.single_pass import SinglePass
    >>> model = Predictor(lambda x: x, activation="sigmoid", model_id="identity")
    >>> case = Case(np.array([-4.0, 4.0, 4.0]), case_id="c17", patient_id="p9",
    ...             reference=np.array([0, 1, 0]))
    >>> table = extract_features([case], model, SinglePass(), structures={"lesion": 1},
    ...                          progress=False)
    >>> table[["dice", "feature_soft_dice_confidence"]].round(3).to_numpy().tolist()
    [[0.667, 0.986]]
    """
    extraction = _Extraction(
        FeatureExtractor(predictor, sampler, structures, postprocess, schema, fast),
        Path(resume_folder) if resume_folder else None,
        Path(maps_folder) if maps_folder else None,
    )
    rows: list[Row] = []
    seen: set[str] = set()
    with progress_bar(progress) as bar:
        total = len(cases) if isinstance(cases, Sized) else None
        for case in bar.track(cases, total=total, description="extract"):
            if not isinstance(case, Case | CaseFiles):
                raise InputError("cases as Case or CaseFiles", type(case).__name__, "build them")
            rows += extraction.rows(case, repeated=case.case_id in seen)
            seen.add(case.case_id)
    if not rows:
        raise InputError("at least one case", "none", "check the list of cases")
    return check_feature_table(pd.DataFrame(rows), corrupted=True)


@dataclass(frozen=True)
class _Extraction:
    """What stays the same over a batch."""

    extractor: FeatureExtractor
    resume_folder: Path | None
    maps_folder: Path | None

    def rows(self, case: Case | CaseFiles, repeated: bool) -> list[Row]:
        if repeated:
            error = InputError(
                "one case per case_id",
                "this case_id again",
                "give every case an id of its own",
                case.case_id,
            )
            return self.extractor.failed_rows(case, str(error))
        try:
            if self.resume_folder is None:
                return self._computed(case)
            return self._finished(case, self.resume_folder)
        except Exception as error:  # whatever a user's model raises concerns this case only
            return self.extractor.failed_rows(case, why_failed(case.case_id, error))

    def _finished(self, case: Case | CaseFiles, folder: Path) -> list[Row]:
        postprocess = self.extractor.postprocess
        settings = {
            **self.extractor.identity,
            "postprocess": getattr(postprocess, "__qualname__", type(postprocess).__name__),
            "maps": str(self.maps_folder),
        }
        key = case_key(case, self.extractor.structures, settings)
        rows = read_finished(folder, key)
        if rows is None:
            rows = self._computed(case)
            write_finished(folder, key, rows)
        return rows

    def _computed(self, case: Case | CaseFiles) -> list[Row]:
        loaded = case.load() if isinstance(case, CaseFiles) else case
        accumulated = self.extractor.accumulate(loaded)
        rows = self.extractor.rows(loaded, accumulated)
        if self.maps_folder is not None:
            folder = self.maps_folder / safe_file_name(loaded.case_id)
            save_maps(accumulated.uncertainty, folder, loaded.affine, accumulated.mask)
        return rows
