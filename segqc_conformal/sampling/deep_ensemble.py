"""A deep ensemble: one pass of each independently trained member."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike
from torch import Tensor

from segqc_conformal.errors import SamplingError
from segqc_conformal.sampling.channels import Channels
from segqc_conformal.sampling.model_identity import ensemble_identity
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.sampler import no_predictor
from segqc_conformal.sampling.undisturbed import undisturbed

__all__ = ["DeepEnsemble"]


@dataclass(frozen=True)
class DeepEnsemble:
    """Yield one sample per member, each on its member's own device.

    Parameters
    ----------
    members : sequence of Predictor
        At least two, of different `model_id`; each has its own preprocessing, inferer and device.

    Raises
    ------
    SamplingError
        For fewer than two members, the same member twice, members whose channels differ in
        meaning, or when called with a predictor.

    Notes
    -----
    Guarantee: none. Source: Lakshminarayanan et al., NeurIPS 2017.

    Examples
    --------
    >>> import numpy as np
    >>> members = [Predictor(lambda x, k=k: x * k, model_id=str(k)) for k in (0.0, 1.0)]
    >>> [round(s[0].item(), 3) for s in DeepEnsemble(members)(None, np.array([[1.0], [0.0]]))]
    [0.5, 0.731]
    """

    members: Sequence[Predictor]

    def __post_init__(self) -> None:
        """Refuse what cannot disagree."""
        members = tuple(self.members)
        object.__setattr__(self, "members", members)
        if len(members) < 2 or not all(isinstance(member, Predictor) for member in members):
            raise SamplingError(
                "a list of at least two Predictors",
                f"{len(members)}: {list(members)}",
                "use SinglePass for one model",
            )
        ids = [member.model_id for member in members]
        if len(set(ids)) < len(ids):
            raise SamplingError(
                "members of different model_id",
                ids,
                "load different weights into each, or name them with Predictor(model_id=...)",
            )
        meanings = {member.channels for member in members}
        if len(meanings) > 1:
            raise SamplingError(
                "members whose channels mean the same",
                sorted(meanings),
                "give all members the same activation",
            )

    @property
    def sampler_id(self) -> str:
        """Name and number of members."""
        return f"DeepEnsemble(members={len(self.members)})"

    def model_id(self, predictor: Predictor | None) -> str:
        """Return the hash of the members' ids."""
        no_predictor(predictor, self.sampler_id)
        return ensemble_identity(member.model_id for member in self.members)

    def channels(self, predictor: Predictor | None) -> Channels:
        """Return what the channels of the samples mean: the same for all members."""
        no_predictor(predictor, self.sampler_id)
        return self.members[0].channels

    def __call__(
        self, predictor: Predictor | None, image: ArrayLike | Tensor, *, case_id: str | None = None
    ) -> Iterator[Tensor]:
        """Yield each member's probabilities of one image, shape ``(classes, *spatial)``."""
        no_predictor(predictor, self.sampler_id)
        for member in self.members:
            with undisturbed(member.model):
                sample = member(image)
            yield sample
