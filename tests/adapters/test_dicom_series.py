import numpy as np
import pytest
from dicom_phantom import Phantom, uid

from segqc_conformal.adapters.dicom_series import read_series
from segqc_conformal.errors import FileFormatError, GeometryError, InputError

TURN = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
TURN = TURN * np.linalg.det(TURN)  # right-handed
AXIAL = Phantom()
CORONAL = Phantom(column_step=(0.75, 0, 0), row_step=(0, 0, -1.25), slice_step=(0, 2.5, 0))
OBLIQUE = Phantom(
    column_step=tuple(0.75 * TURN[:, 0]),
    row_step=tuple(1.25 * TURN[:, 1]),
    slice_step=tuple(2.5 * TURN[:, 2]),
)


@pytest.mark.parametrize("phantom", [AXIAL, CORONAL, OBLIQUE], ids=["axial", "coronal", "oblique"])
def test_values_orientation_and_spacing_come_through(tmp_path, phantom):
    volume = read_series(phantom.write_slices(tmp_path / "series"))
    np.testing.assert_array_equal(volume.array, phantom.stored)
    np.testing.assert_allclose(volume.affine, phantom.affine, atol=1e-6)
    np.testing.assert_allclose(volume.spacing_mm, (0.75, 1.25, 2.5), atol=1e-6)
    assert volume.frame_of_reference == uid("s1", "space")
    assert volume.array.dtype == np.float32
