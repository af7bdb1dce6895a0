from dataclasses import replace

import numpy as np
import pytest
from blobs import case, labelled

import segqc_conformal as sq
from segqc_conformal.dice import dice
from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.reverse import AtlasRegistration, OwnSegmenter, VoxelForest

SHAPE = (24, 20)
BOTH = {"left": 1, "right": 2}
COPY = OwnSegmenter(lambda image, mask, reference_image: mask, name="copy")
REST = labelled(SHAPE)


def reference(name: str, shift: float, patient: str | None = None) -> sq.Case:
    return case(name, labelled(SHAPE, lambda places: places + shift), patient=patient)


REFERENCES = [reference(f"r{number}", 0.5 * number) for number in (3, 1, 2, 0)]
JUDGED = case("c", REST, mask=REST.labels)


def accuracy(**settings: object) -> sq.ReverseClassificationAccuracy:
    given = {"references": REFERENCES, "structures": BOTH, "backend": COPY, "nearest": 3}
    return sq.ReverseClassificationAccuracy(**{**given, **settings})  # type: ignore[arg-type]


def test_each_single_value_is_the_dice_of_what_was_segmented_and_the_reference_mask() -> None:
    found = accuracy().reverse_dice(JUDGED)
    assert found["structure"].tolist() == ["left"] * 3 + ["right"] * 3
    assert found["reference_case_id"].tolist() == ["r0", "r1", "r2"] * 2
    assert found["distance"].is_monotonic_increasing is False
    by_id = {one.case_id: one.reference for one in REFERENCES}
    for row in found.itertuples():
        label = BOTH[str(row.structure)]
        true = by_id[str(row.reference_case_id)]
        assert row.reverse_dice == dice(REST.labels == label, true == label)
    said = accuracy().features(JUDGED)["left"]
    values = found.loc[found["structure"] == "left", "reverse_dice"]
    assert said["reverse_dice_max"] == values.max() == 1.0
    assert said["reverse_dice_median"] == values.median()
    assert said["reverse_dice_count"] == 3.0


def test_the_order_of_the_references_changes_nothing() -> None:
    one, other = (
        accuracy(references=given, backend=AtlasRegistration(device="cpu"))
        for given in (REFERENCES, REFERENCES[::-1])
    )
    assert one.reverse_dice(JUDGED).equals(other.reverse_dice(JUDGED))
    assert one.version == other.version


def test_references_of_the_own_patient_are_left_out() -> None:
    own = [*REFERENCES[:3], replace(REFERENCES[3], patient_id=JUDGED.patient_id)]
    used = accuracy(references=own, nearest=4).reverse_dice(JUDGED)["reference_case_id"]
    assert set(used) == {"r1", "r2", "r3"}
    with pytest.raises(InputError, match=r"case c: .*another patient"):
        accuracy(references=own[3:]).features(JUDGED)


def test_the_image_decides_which_are_nearest_and_a_descriptor_of_ones_own_may() -> None:
    wrong = replace(JUDGED, mask=np.roll(REST.labels, 3, axis=0))
    usual = accuracy()
    assert usual.nearest_references(wrong) == usual.nearest_references(JUDGED)
    bright = accuracy(descriptor=lambda one: one.image[:12].mean(), nearest=1)
    assert len(bright.nearest_references(JUDGED)) == 1
    with pytest.raises(InputError, match=r"case r.*finite"):
        accuracy(descriptor=lambda one: np.nan).nearest_references(JUDGED)


def test_an_empty_mask_has_reverse_dice_0_and_asks_no_segmenter() -> None:
    def never(image: object, mask: object, reference_image: object) -> object:
        raise AssertionError

    empty = replace(JUDGED, mask=np.zeros(SHAPE, int))
    found = accuracy(backend=OwnSegmenter(never, name="never")).features(empty)
    assert {name: one["reverse_dice_max"] for name, one in found.items()} == dict.fromkeys(BOTH, 0)


def test_a_reference_without_the_structure_says_nothing_of_it() -> None:
    lacking = [
        replace(one, reference=np.where(one.reference == 2, 0, one.reference)) for one in REFERENCES
    ]
    some = accuracy(references=[*lacking[:1], *REFERENCES[1:]], nearest=4).features(JUDGED)
    assert [some[name]["reverse_dice_count"] for name in BOTH] == [4.0, 3.0]
    none = accuracy(references=lacking).features(JUDGED)
    assert np.isnan(none["right"]["reverse_dice_max"])
    assert none["left"]["reverse_dice_count"] == 3.0


def test_overlapping_regions_come_back_as_such() -> None:
    stack = np.stack([REST.labels > 0, REST.labels == 2]).astype(int)
    whole = [replace(one, reference=stack) for one in REFERENCES]
    found = accuracy(references=whole).features(replace(JUDGED, mask=stack))
    assert {one["reverse_dice_min"] for one in found.values()} == {1.0}


@pytest.mark.parametrize("backend", [AtlasRegistration(device="cpu"), VoxelForest(trees=10)])
def test_a_good_mask_is_a_better_example_than_a_bad_one(backend: object) -> None:
    bad = replace(JUDGED, mask=np.roll(REST.labels, 5, axis=1))
    settings = {"backend": backend, "references": REFERENCES[1:]}
    good, poor = (accuracy(**settings).features(one) for one in (JUDGED, bad))
    for name in BOTH:
        assert good[name]["reverse_dice_max"] > poor[name]["reverse_dice_max"] + 0.2


def test_what_makes_the_features_is_in_their_version() -> None:
    other = [*REFERENCES[:3], reference("r0", 0.1)]
    versions = {
        accuracy(**changed).version
        for changed in ({}, {"nearest": 2}, {"references": other}, {"backend": VoxelForest()})
    }
    assert len(versions) == 4


def test_bad_input_is_refused_by_name() -> None:
    unlabelled = sq.Case(REST.image[0], "r9", "p", spacing_mm=(1.0, 1.0))
    cube = sq.Case(np.ones((4, 4, 4)), "r8", "p", reference=np.ones((4, 4, 4), int))
    for references, words in (
        ([], "at least one reference"),
        ([unlabelled], "case r9: .*reference mask"),
        ([REFERENCES[0], REFERENCES[0]], "case r3: .*again"),
        ([REFERENCES[0], cube], "case r8: .*2 axes"),
    ):
        with pytest.raises(InputError, match=words):
            accuracy(references=references)
    with pytest.raises(InputError, match="nearest"):
        accuracy(nearest=0)
    with pytest.raises(InputError, match="OwnSegmenter"):
        accuracy(backend=lambda image, mask, reference_image: mask)
    with pytest.raises(InputError, match=r"case c: .*judged mask"):
        accuracy().features(replace(JUDGED, mask=None))
    with pytest.raises(GeometryError, match=r"case r8: .*3 axes"):
        accuracy().features(replace(cube, mask=cube.reference))
    with pytest.raises(InputError, match=r"case r0: .*patient p-r0"):
        accuracy().features(replace(JUDGED, case_id="r0"))


def test_a_segmenter_of_ones_own_must_return_labels_on_the_reference_grid() -> None:
    for said in (np.zeros((3, 3)), np.full(SHAPE, 0.5)):
        own = OwnSegmenter(lambda image, mask, reference_image, said=said: said, name="wrong")
        with pytest.raises(GeometryError, match="wrong"):
            accuracy(backend=own).features(JUDGED)
    with pytest.raises(InputError, match="name"):
        OwnSegmenter(lambda image, mask, reference_image: mask, name="")
