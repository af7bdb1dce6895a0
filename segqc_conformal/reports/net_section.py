"""What a quality net looked at, as a section of a page."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest
from typing import TYPE_CHECKING

from segqc_conformal.case import Case
from segqc_conformal.errors import InputError
from segqc_conformal.reports.page import Section, figure, number, paragraph, percent, picture
from segqc_conformal.reports.plots import embedded_cases
from segqc_conformal.reports.slice_picture import mid_slice

if TYPE_CHECKING:
    from segqc_conformal.quality.net.case_head import CaseHead
    from segqc_conformal.quality.net.fitted import FittedQualityNet
    from segqc_conformal.quality.net.quality_case import QualityCase

__all__ = ["net_section"]

MOST_PICTURES = 3


def net_section(net: FittedQualityNet, cases: Iterable[QualityCase], structure: str) -> Section:
    """Show where a net puts cases, and what spoke against the masks that it finds worst.

    Parameters
    ----------
    net : FittedQualityNet
        With a case head.
    cases : iterable of QualityCase
        At least 3, each with a mask, of 2 or 3 spatial axes; read one after the other.
    structure : str

    Returns
    -------
    Section
        A plot of the embeddings, and Grad-CAM of the cases with the lowest predicted metric (of an
        unbounded one, a distance, the highest).

    Raises
    ------
    InputError
        For a net without a case head, or fewer than 3 cases.

    Notes
    -----
    Guarantee: none; both describe the net, not the masks.
    """
    from segqc_conformal.quality.net.case_head import CaseHead
    from segqc_conformal.quality.net.embedding_plane import embedding_plane

    head = next((head for head in net.settings.heads if head.kind == "case"), None)
    if not isinstance(head, CaseHead):
        raise InputError("a net with a case head", "none", "train a net with CaseHead()")
    metric, sign = head.metric, 1.0 if head.bounded else -1.0
    ids, values, embeddings = [], [], []
    worst: list[tuple[float, int, QualityCase]] = []
    for case in cases:
        ids.append(case.case_id)
        values.append(net.predict(case).features[structure][metric])
        embeddings.append(net.embedding(case))
        worst = nsmallest(
            MOST_PICTURES,
            [*worst, (sign * values[-1], len(ids), case)],
            key=lambda one: one[:2],
        )
    points, shares = embedding_plane(embeddings)
    plot = figure(
        embedded_cases(points, values, ids, f"predicted {metric}"),
        "Cases as the net sees them",
        f"Each point is a case; the two axes hold {percent(float(shares.sum()))} of the variance "
        "of the net's deepest activations. Cases that lie apart from all others are unlike them "
        "to the net.",
    )
    pictures = "".join(_seen(net, case, structure, head) for _, _, case in worst)
    words = paragraph(
        f"Below, the {len(worst)} cases with the worst predicted {metric} of {structure}. Left: "
        "image. Middle: judged mask in yellow, reference mask in blue where there is one. Right: "
        "what spoke against the mask (Grad-CAM), brightest the strongest place of the case."
    )
    return Section(f"What the quality net looked at: {structure}", plot + words + pictures)


def _seen(net: FittedQualityNet, case: QualityCase, structure: str, head: CaseHead) -> str:
    from segqc_conformal.quality.net.grad_cam import grad_cam
    from segqc_conformal.quality.net.structure_masks import reference_masks, structure_masks

    one = {structure: net.settings.structures[structure]}
    mask = structure_masks(case, one)[0].astype(int)
    reference = None if case.reference is None else reference_masks(case, one)[0].astype(int)
    heat = grad_cam(net, case, structure, "against" if head.bounded else "for")
    image = Case(
        case.image, case_id=case.case_id, patient_id=case.patient_id, spacing_mm=case.spacing_mm
    )
    predicted = net.predict(case).features[structure][head.metric]
    said = f"{case.case_id}: predicted {head.metric} {number(predicted, 3)}"
    return paragraph(said, "note") + picture(mid_slice(image, mask, heat, reference).png(), said)
