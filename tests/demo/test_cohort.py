"""The demo's cohort."""

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest

from segqc_conformal.demo.cohort import SITES, cohort, generate_case, training_case
from segqc_conformal.errors import InputError


def same(a, b):
    return np.array_equal(a.image, b.image) and np.array_equal(a.reference, b.reference)


def test_a_case_is_a_pure_function_of_its_arguments():
    first = generate_case(3, 11)
    generate_case(3, 12)
    again = generate_case(3, 11)

    assert same(first, again)
    assert (first.case_id, first.site, first.time) == (again.case_id, again.site, again.time)


def test_identifiers_spacing_and_time_of_a_known_case():
    case = generate_case(3, 11)

    assert (case.case_id, case.patient_id) == ("s3-p00011-v1", "s3-p00011")
    assert case.spacing_mm == (1.5, 1.5, 1.5)
    assert case.time == datetime(2026, 1, 10, 20, tzinfo=UTC)
    assert case.mask is None


@pytest.mark.parametrize("other", [(4, 11, 1), (3, 12, 1)])
def test_another_seed_or_patient_is_another_anatomy(other):
    seed, index, visit = other

    assert not np.array_equal(
        generate_case(3, 11).reference, generate_case(seed, index, visit=visit).reference
    )


def test_a_second_visit_shares_the_anatomy_but_not_the_image():
    # Patients 20 to 39 include cropped scans, whose reference mask ends with the image.
    visits = [(generate_case(0, i), generate_case(0, i, visit=2)) for i in range(20, 40)]
    shared = [np.array_equal(one.reference, two.reference) for one, two in visits]

    assert np.mean(shared) >= 0.8
    for one, two in visits:
        assert one.patient_id == two.patient_id
        assert one.case_id != two.case_id
        assert one.site == two.site
        assert one.time < two.time
        assert not np.array_equal(one.image, two.image)


def test_the_replaced_scanner_sees_the_same_anatomy_differently():
    old, new = generate_case(0, 2), generate_case(0, 2, scanner="replaced")

    assert np.array_equal(old.reference, new.reference)
    assert not np.array_equal(old.image, new.image)


def test_sites_that_keep_their_scanner_keep_their_images():
    for index in range(12):
        old = generate_case(0, index)
        new = generate_case(0, index, scanner="replaced", replaced_sites=("east",))
        assert same(old, new) == (old.site != "east")


def test_cohorts_run_forward_in_time_from_range_to_range():
    times = [c.time for c in cohort(0, 25, repeat_visit_share=1.0)]
    times += [c.time for c in cohort(0, 25, first=25, repeat_visit_share=1.0)]

    assert all(a < b for a, b in pairwise(times))


@pytest.mark.parametrize(("share", "returns"), [(0.0, 0), (1.0, 5)])
def test_all_or_none_of_those_seen_twenty_patients_ago_come_back(share, returns):
    cases = list(cohort(0, 25, first=40, repeat_visit_share=share))

    assert len({c.case_id for c in cases}) == len(cases) == 25 + returns
    assert len({c.patient_id for c in cases}) == 25


def test_disjoint_ranges_share_no_patient():
    first = {c.patient_id for c in cohort(0, 22, repeat_visit_share=1.0)}
    second = {c.patient_id for c in cohort(0, 22, first=22, repeat_visit_share=1.0)}

    assert not first & second


def test_every_site_sends_cases():
    assert {generate_case(0, index).site for index in range(30)} == set(SITES)


def test_training_cases_are_none_of_the_demo_cases():
    training = {training_case(s, i).image.tobytes() for s in range(3) for i in range(5)}
    demo = {generate_case(s, i).image.tobytes() for s in range(3) for i in range(5)}

    assert len(training | demo) == 30


@pytest.mark.parametrize(
    ("index", "options"),
    [(-1, {}), (0, {"visit": 0}), (0, {"scanner": "new"}), (0, {"replaced_sites": ("west",)})],
)
def test_wrong_arguments_are_refused(index, options):
    with pytest.raises(InputError, match="remedy"):
        generate_case(0, index, **options)
