import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.case import Case, in_structure
from segqc_conformal.corruption import KINDS, DiceHistogram, corrupt
from segqc_conformal.corruption.search import TOLERANCE
from segqc_conformal.dice import dice
from segqc_conformal.errors import InputError
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.features.case_reading import read_case

STRUCTURES = {"core": 1, "rim": 2}
FLAT = DiceHistogram([0.0, 1.0], [1])
HISTOGRAMS = {
    "flat": FLAT,
    "good": DiceHistogram([0.7, 0.8, 0.9, 1.0], [1, 2, 5]),
    "two ends": DiceHistogram([0.0, 0.2, 0.8, 1.0], [1, 0, 1]),
}


def counted(found):
    """Return the requested Dice of the masks themselves, by the package's own rule."""
    return [
        min(
            dice(in_structure(each.case.mask, k, 3), in_structure(each.case.reference, k, 3))
            for k in STRUCTURES.values()
        )
        for each in found
    ]


@pytest.mark.parametrize("histogram", HISTOGRAMS.values(), ids=HISTOGRAMS)
def test_masks_follow_the_requested_histogram(histogram, volume):
    cases = [volume(number) for number in range(12)]
    found = corrupt(cases, histogram, structures=STRUCTURES, per_case=2, progress=False)
    reached = counted(found)
    assert histogram.distance(reached) <= 0.03
    assert found.distance == histogram.distance(reached)
    assert found.table["dice"].tolist() == reached
    assert found.missed.empty
    assert (found.table["dice"] - found.table["wanted"]).abs().max() <= TOLERANCE


def test_without_the_search_the_histogram_is_missed(volume):
    cases = [volume(number) for number in range(12)]
    found = corrupt(cases, FLAT, structures=STRUCTURES, per_case=2, progress=False)
    random = np.random.default_rng(0).random(len(found))
    careless = replace(found, table=found.table.assign(strength=random))
    assert FLAT.distance(counted(careless)) > 0.03


def test_of_one_structure_it_alone_is_corrupted(picture):
    cases = [picture(number) for number in range(20)]
    found = corrupt(cases, FLAT, structures=STRUCTURES, of="core", progress=False)
    assert found.distance <= 0.03
    assert all(each.dice["rim"] == 1.0 for each in found)
    assert [each.dice["core"] for each in found] == found.table["dice"].tolist()


def test_the_same_seed_gives_the_same_masks_and_another_seed_others(volume):
    cases = [volume(number) for number in range(4)]
    first, same, other = (
        corrupt(cases, FLAT, structures=STRUCTURES, seed=seed, progress=False) for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(first.table, same.table)
    for one, two in zip(first, same, strict=True):
        assert np.array_equal(one.case.mask, two.case.mask)
    assert not first.table.equals(other.table)


def test_a_corrupted_case_says_what_it_is_and_keeps_its_patient(volume):
    case = volume(3)
    (made,) = corrupt([case], DiceHistogram([0.5, 0.6], [1]), structures=STRUCTURES, progress=False)
    assert made.case.corrupted
    assert (made.case.case_id, made.case.patient_id) == ("c3~corrupted0", "p3")
    assert np.array_equal(made.case.reference, case.reference)
    assert made.case.spacing == case.spacing
    assert made.kind in KINDS
    assert 0.0 < made.strength <= 1.0
    assert not case.corrupted
    assert case.mask is None


def test_overlapping_regions(picture):
    label_map = picture(0).reference
    regions = np.stack([label_map > 0, label_map == 1]).astype(int)
    case = Case(label_map, "c", "p", reference=regions, spacing_mm=(1.0, 1.0))
    found = corrupt([case], FLAT, structures=STRUCTURES, per_case=20, progress=False)
    assert found.distance <= 0.03
    assert all(each.case.mask.shape == regions.shape for each in found)


def test_files_are_read_one_at_a_time_and_keep_the_mark(tmp_path, volume):
    labels = volume(0).reference
    write_volume(tmp_path / "labels.nii.gz", labels.astype(np.uint8), np.diag([1.0, 1.0, 3.0, 1.0]))
    path = tmp_path / "labels.nii.gz"
    files = CaseFiles("c", "p", "A", path, reference=path)
    wanted = DiceHistogram([0.5, 0.6], [1])
    (made,) = corrupt([files], wanted, structures=STRUCTURES, progress=False)
    assert 0.54 < min(made.dice.values()) < 0.56
    assert made.case.spacing == (1.0, 1.0, 3.0)
    saved = CaseFiles("c~corrupted0", "p", "A", path, mask=path, reference=path, corrupted=True)
    assert saved.load().corrupted


def three_voxels(name="c0"):
    labels = np.zeros((9, 9), dtype=int)
    labels[4, 3:6] = 1
    return Case(labels, name, "p", reference=labels)


def test_a_tiny_structure_gets_the_nearest_reachable_dice_and_is_listed():
    found = corrupt(
        [three_voxels()], DiceHistogram([0.98, 1.0], [1]), structures={"a": 1}, progress=False
    )
    assert found.missed["case_id"].tolist() == ["c0~corrupted0"]
    assert found.table["dice"].tolist() == [1.0]
    near = corrupt(
        [three_voxels()], DiceHistogram([0.796, 0.80], [1]), structures={"a": 1}, progress=False
    )
    assert near.table["dice"].tolist() == [0.8]
    assert near.missed.empty


def test_an_empty_structure_is_listed_and_the_rest_goes_on(picture):
    nothing = replace(picture(0), case_id="empty", reference=np.zeros((40, 36), dtype=int))
    cases = [nothing, *[picture(number) for number in range(1, 30)]]
    found = corrupt(cases, DiceHistogram([0.4, 0.8], [1]), structures=STRUCTURES, progress=False)
    assert found.missed["case_id"].tolist() == ["empty~corrupted0"]
    assert found.missed["dice"].tolist() == [1.0]
    assert found.distance <= 0.03


def test_a_request_out_of_reach_is_an_error_with_figures(picture):
    nothing = replace(picture(0), reference=np.zeros((40, 36), dtype=int))
    with pytest.raises(InputError, match=r"distance of 0\.700; .* wanted 0\.300, nearest 1\.000"):
        corrupt([nothing], DiceHistogram([0.2, 0.4], [1]), structures=STRUCTURES, progress=False)
    low = DiceHistogram([0.0, 0.01], [1])
    with pytest.raises(InputError, match="that some mask can reach"):
        corrupt(
            [three_voxels()],
            low,
            structures={"a": 1},
            kinds={"dilation": KINDS["dilation"]},
            progress=False,
        )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cases": []}, "at least one case"),
        ({"kinds": {}}, "one kind"),
        ({"per_case": 0}, "per_case=0"),
        ({"of": "liver"}, "received liver"),
        ({"cases": [three_voxels(), three_voxels()]}, "case c0: expected one case per case_id"),
        (
            {"cases": [replace(three_voxels(), reference=None)]},
            "c0: expected a reference mask",
        ),
        (
            {"cases": [Case([0.0, 1.0], "m", "p", reference=[0, 1], element_weights=[1.0, 1.0])]},
            "case m: expected a case on a grid",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(change, words):
    arguments = {"cases": [three_voxels()], "structures": {"a": 1}, "progress": False, **change}
    with pytest.raises(InputError, match=words):
        corrupt(arguments.pop("cases"), FLAT, **arguments)


def test_progress_is_shown_on_standard_error_where_asked(picture, capsys):
    corrupt([picture(0)], DiceHistogram([0.5, 0.6], [1]), structures=STRUCTURES, progress=True)
    captured = capsys.readouterr()
    assert "corrupt" in captured.err
    assert captured.out == ""


def hippocampi(count):
    folder = os.environ.get("SEGQC_DATA")
    if not folder:
        pytest.skip("SEGQC_DATA is not set: it names the folder of data and models")
    files = sorted(Path(folder, "data/hippocampus/labels").glob("hippocampus_*.nii.gz"))[:count]
    names = [file.name.split(".")[0] for file in files]
    return [
        read_case(file, case_id=name, patient_id=name, site="A", reference=file)
        for name, file in zip(names, files, strict=True)
    ]


def test_real_hippocampi_follow_the_requested_histogram():
    histogram = DiceHistogram([0.0, 0.5, 0.8, 1.0], [1, 2, 3])
    structures = {"anterior": 1, "posterior": 2}
    found = corrupt(hippocampi(20), histogram, structures=structures, progress=False)
    assert histogram.distance(counted(found)) <= 0.03
    assert found.missed.empty
