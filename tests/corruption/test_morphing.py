import numpy as np

from segqc_conformal.corruption.morphing import morphed


def test_a_path_goes_through_its_stations_and_changes_little_at_a_time():
    rng = np.random.default_rng(0)
    stations = [np.zeros((1, 20, 20), dtype=bool) for _ in range(3)]
    stations[0][0, 5:15, 5:15] = True
    stations[1][0, 3:12, 8:18] = True  # the last is empty
    path = morphed(stations, (1.0, 2.0), rng)
    for station, strength in zip(stations, (0.0, 0.5, 1.0), strict=True):
        assert np.array_equal(path(strength), station)
    sizes = [np.count_nonzero(path(a) ^ path(a + 0.005)) for a in np.arange(0.0, 1.0, 0.005)]
    assert max(sizes) <= 10  # of masks of 100 and 90 voxels
