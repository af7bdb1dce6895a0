import struct
import zlib

import numpy as np
import pytest

from segqc_conformal.case import Case
from segqc_conformal.errors import GeometryError
from segqc_conformal.reports.picture import (
    GAP,
    MASK_COLOUR,
    REFERENCE_COLOUR,
    REGION_COLOUR,
    Picture,
)
from segqc_conformal.reports.png import png_bytes
from segqc_conformal.reports.slice_picture import mid_slice, slice_picture


def decoded(png):
    """Read an 8-bit RGB PNG without filters, by the specification."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    place, data, header = 8, b"", b""
    while place < len(png):
        (size,) = struct.unpack(">I", png[place : place + 4])
        kind, content = png[place + 4 : place + 8], png[place + 8 : place + 8 + size]
        (checksum,) = struct.unpack(">I", png[place + 8 + size : place + 12 + size])
        assert checksum == zlib.crc32(kind + content)
        header = content if kind == b"IHDR" else header
        data += content if kind == b"IDAT" else b""
        place += 12 + size
    columns, rows = struct.unpack(">II", header[:8])
    lines = np.frombuffer(zlib.decompress(data), np.uint8).reshape(rows, 1 + 3 * columns)
    assert not lines[:, 0].any()
    return lines[:, 1:].reshape(rows, columns, 3)


def test_png_holds_every_pixel():
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(decoded(png_bytes(rgb)), rgb)


def volume(**changes):
    return Case(
        **{
            "image": np.random.default_rng(0).random((6, 7, 8)),
            "case_id": "c",
            "patient_id": "p",
            **changes,
        }
    )


def test_slice_with_most_mask_is_shown():
    case, mask = volume(), np.zeros((6, 7, 8), int)
    mask[:, 1, 2] = 1
    mask[1:4, 1:4, 5] = 2
    shown = mid_slice(case, mask, np.zeros((6, 7, 8)))
    assert (shown.mask == 2).sum() == 9
    np.testing.assert_array_equal(shown.image, np.rot90(case.image[:, :, 5]))


def test_empty_mask_shows_the_most_uncertain_slice():
    uncertainty = np.zeros((6, 7, 8))
    uncertainty[2, 3, 4] = 0.5
    shown = mid_slice(volume(), np.zeros((6, 7, 8), int), uncertainty)
    assert shown.uncertainty.max() == 0.5
    assert shown.largest_uncertainty == 0.5


def test_thick_slices_are_shown_in_their_plane():
    case = volume(spacing_mm=(5.0, 1.0, 0.5))
    shown = mid_slice(case, np.ones((6, 7, 8), int), np.zeros((6, 7, 8)))
    assert shown.image.shape == (8, 7)
    assert shown.pixel_mm == (0.5, 1.0)


def test_first_of_several_channels_and_the_cases_reference_are_shown():
    image = np.stack([np.zeros((4, 4)), np.ones((4, 4))])
    case = Case(
        image, case_id="c", patient_id="p", spacing_mm=(1.0, 1.0), reference=np.eye(4, dtype=int)
    )
    shown = mid_slice(case, np.zeros((4, 4), int), np.zeros((4, 4)))
    assert not shown.image.any()
    np.testing.assert_array_equal(shown.reference, np.rot90(np.eye(4)))
    assert "reference mask in blue" in shown.caption


def test_panels_show_masks_in_outline_with_pixels_of_equal_size():
    mask, reference = np.zeros((10, 20), int), np.zeros((10, 20), int)
    mask[2:5, 2:5] = reference[6:9, 12:18] = 1
    picture = Picture(np.zeros((10, 20)), mask, np.zeros((10, 20)), reference, (2.0, 1.0))
    panels = decoded(picture.png())
    assert panels.shape == (20 * 15, 3 * 300 + 2 * GAP, 3)
    coloured = [(panels == colour).all(axis=2) for colour in (MASK_COLOUR, REFERENCE_COLOUR)]
    for where in coloured:
        columns = np.flatnonzero(where.any(axis=0))
        assert columns.min() >= 300 + GAP
        assert columns.max() < 600 + GAP
    rows = np.flatnonzero(coloured[0].any(axis=1))
    assert (rows.min(), rows.max()) == (2 * 30, 5 * 30 - 1)


def test_certain_case_of_one_grey_level_can_be_shown():
    assert decoded(
        Picture(
            np.ones((3, 3)), np.zeros((3, 3), int), np.zeros((3, 3)), None, largest_uncertainty=0.0
        ).png()
    ).shape == (300, 916, 3)


@pytest.mark.parametrize("shape", [(6, 7, 9), (6, 7)])
def test_mask_on_another_grid_is_refused(shape):
    with pytest.raises(GeometryError, match="case c"):
        mid_slice(volume(), np.zeros(shape, int), np.zeros((6, 7, 8)))


def test_a_given_slice_is_cut_with_its_regions_in_outline():
    case, regions = volume(), np.zeros((6, 7, 8), int)
    regions[3, 2:5, 2:6] = 1
    shown = slice_picture(case, 0, 3, regions=regions, uncertainty_map=np.full((6, 7, 8), 0.2))
    np.testing.assert_array_equal(shown.image, np.rot90(case.image[3]))
    assert shown.regions.sum() == 12
    assert "regions to look at in pink" in shown.caption
    assert (decoded(shown.png()) == REGION_COLOUR).all(axis=2).any()
