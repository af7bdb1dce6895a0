"""Quality cases out of images and a deployed model: one streaming pass over the samples each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from segqc_conformal.case import Case
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.features.extractor import FeatureExtractor
from segqc_conformal.quality.net.quality_case import QualityCase

__all__ = ["judged_cases"]


def judged_cases(
    cases: Iterable[Case | CaseFiles],
    extractor: FeatureExtractor,
    maps: Sequence[str] = (),
    features: Callable[[Case], Mapping[str, NDArray[Any]]] | None = None,
) -> Iterator[QualityCase]:
    """Run a deployed model on cases, and yield them as a quality net takes them.

    Parameters
    ----------
    cases : iterable of Case or CaseFiles
        Files are read when their turn comes.
    extractor : FeatureExtractor
        Model, sampler, structures and postprocessing, as for the feature table. Its schema decides
        which maps can be made; "full" holds what nearly all of them need.
    maps : sequence of str
        Uncertainty maps to keep.
    features : callable, optional
        ``Case -> activations by name``, for example by `hooked_features`.

    Yields
    ------
    QualityCase
        With the mask that is judged: the deployed one, or the fused one where there is none.

    Raises
    ------
    InputError, GeometryError, SamplingError
        Naming the case.

    Notes
    -----
    Guarantee: the model and the caller's random state are left as found.

    Examples
    --------
    >>> import numpy as np
    >>> from segqc_conformal.sampling.predictor import Predictor
    >>> from segqc_conformal.sampling.single_pass import SinglePass
    >>> model = Predictor(lambda x: x, activation="sigmoid", model_id="identity")
    >>> case = Case(np.array([[-4.0, 0.0]]), case_id="c", patient_id="p", spacing_mm=(1.0,))
    >>> extractor = FeatureExtractor(model, SinglePass(), {"lesion": 1})
    >>> made = next(judged_cases([case], extractor, ["predictive_entropy"]))
    >>> made.maps["predictive_entropy"].round(2).tolist()
    [[0.09000000357627869, 0.6899999976158142]]
    """
    for one in cases:
        case = one.load() if isinstance(one, CaseFiles) else one
        accumulated = extractor.accumulate(case)
        yield QualityCase(
            case_id=case.case_id,
            patient_id=case.patient_id,
            image=case.channels_first(),
            mask=accumulated.mask,
            maps=accumulated.uncertainty.maps(maps),
            features={} if features is None else features(case),
            reference=case.reference,
            spacing_mm=case.spacing,
        )
