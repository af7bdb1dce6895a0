import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from segqc_conformal.errors import InputError
from segqc_conformal.measures.schema import FeatureSchema
from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator
from segqc_conformal.uncertainty.dirichlet import DIRICHLET_MAPS
from segqc_conformal.uncertainty.maps import MAPS


def accumulated(evidence: np.ndarray, **settings) -> UncertaintyAccumulator:
    structures = {f"s{label}": label for label in range(1, len(evidence))}
    accumulator = UncertaintyAccumulator(structures, channels="evidence", maps="all", **settings)
    accumulator.update(evidence)
    return accumulator


def closed_forms(alpha: np.ndarray) -> dict[str, np.ndarray]:
    total = alpha.sum(0)
    p = alpha / total
    # Expected entropy from E[p_c log p_c], MI as the gain, EPKL as the difference of two
    # expectations under independent draws.
    expected = -(p * (special.digamma(alpha + 1) - special.digamma(total + 1))).sum(0)
    epkl = -expected - (p * (special.digamma(alpha) - special.digamma(total))).sum(0)
    variances = stats.beta(alpha, total - alpha).var()
    predictive = special.entr(p).sum(0)
    ordered = np.sort(p, axis=0)
    beta = stats.beta(alpha[1:], total - alpha[1:])
    binary = special.entr(beta.mean()) + special.entr(1 - beta.mean())
    return {
        "mean_probability": p,
        "predictive_entropy": predictive,
        "normalised_entropy": predictive / np.log(len(alpha)),
        "expected_entropy": expected,
        "mutual_information": predictive - expected,
        "mutual_information_corrected": predictive - expected,
        "epkl": epkl,
        "rmi": epkl - predictive + expected,
        "variance": variances.mean(0),
        "standard_deviation": np.sqrt(variances).mean(0),
        "b_map": 2 * np.sqrt(variances).mean(0),
        "b_map_max": 2 * np.sqrt(variances).max(0),
        "confidence": p.max(0),
        "margin": ordered[-1] - ordered[-2],
        "variation_ratio": np.zeros(alpha.shape[1:]),
        "one_vs_rest_predictive_entropy": binary,
        "vacuity": len(alpha) / total,
    }


@settings(max_examples=30, deadline=None)
@given(
    classes=st.sampled_from([2, 3, 14]),
    seed=st.integers(0, 10**6),
    scale=st.sampled_from([0.0, 1e-3, 1.0, 100.0, 1e6]),
)
def test_every_map_equals_its_closed_form(classes, seed, scale):
    evidence = np.random.default_rng(seed).exponential(scale, (classes, 3, 4)).astype(np.float32)
    maps = accumulated(evidence).maps()
    expected = closed_forms(evidence.astype(np.float64) + 1)
    others = {"one_vs_rest_expected_entropy", "one_vs_rest_mutual_information"}
    assert maps.keys() == expected.keys() | others
    for name, values in expected.items():
        np.testing.assert_allclose(maps[name], values, rtol=0, atol=1e-6, err_msg=name)


def test_binary_maps_equal_numerical_integration():
    evidence = np.array([[0.0, 4.0, 0.3], [0.0, 1.5, 7.0]])
    maps = accumulated(evidence).maps()
    for voxel, (a, b) in enumerate((evidence + 1).T):
        density = stats.beta(b, a).pdf

        def entropy(p):
            return special.entr(p) + special.entr(1 - p)

        expected = integrate.quad(lambda p: density(p) * entropy(p), 0, 1)[0]  # noqa: B023
        assert maps["expected_entropy"][voxel] == pytest.approx(expected, abs=1e-6)
        information = entropy(b / (a + b)) - expected
        assert maps["mutual_information"][voxel] == pytest.approx(information, abs=1e-6)
        for kind in ("expected_entropy", "mutual_information"):
            assert maps[f"one_vs_rest_{kind}"][0, voxel] == pytest.approx(maps[kind][voxel])


def test_three_classes_equal_many_samples_drawn():
    alpha = np.array([3.0, 2.0, 1.5])
    maps = {name: v[..., 0] for name, v in accumulated((alpha - 1)[:, None]).maps().items()}
    p = np.random.default_rng(0).dirichlet(alpha, 400_000)
    drawn = {
        "expected_entropy": special.entr(p).sum(1).mean(),
        "mutual_information": special.rel_entr(p, alpha / alpha.sum()).sum(1).mean(),
        "epkl": special.rel_entr(p[::2], p[1::2]).sum(1).mean(),
        "rmi": special.rel_entr(alpha / alpha.sum(), p).sum(1).mean(),
        "variance": p.var(0).mean(),
    }
    for name, value in drawn.items():
        assert maps[name] == pytest.approx(value, rel=0.01), name
    binary = special.entr(p[:, 1]) + special.entr(1 - p[:, 1])
    assert maps["one_vs_rest_expected_entropy"][0] == pytest.approx(binary.mean(), rel=0.01)
    assert maps["mutual_information"] == pytest.approx(0.1370, abs=2e-4)


def test_no_evidence_is_entirely_vacuous():
    maps = accumulated(np.zeros((4, 2))).maps(["vacuity", "epkl", "normalised_entropy"])
    assert maps["vacuity"].tolist() == [1.0, 1.0]
    assert maps["epkl"].tolist() == [0.75, 0.75]
    np.testing.assert_allclose(maps["normalised_entropy"], 1.0)


def test_names_are_those_of_samples_and_vacuity():
    assert DIRICHLET_MAPS.keys() == MAPS.keys() | {"vacuity"}
    for name, rule in MAPS.items():
        assert DIRICHLET_MAPS[name].rows == rule.rows


def test_second_sample_of_evidence_is_refused_by_name():
    accumulator = accumulated(np.ones((2, 3)))
    with pytest.raises(InputError, match="one sample of evidence: it is a whole distribution"):
        accumulator.update(np.ones((2, 3)))
    assert accumulator.samples == 1


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf])
def test_evidence_that_is_none_is_refused(value):
    with pytest.raises(InputError, match="finite evidence >= 0"):
        accumulated(np.full((2, 3), value))


def test_mask_is_where_a_class_has_most_evidence_the_lower_label_winning():
    evidence = np.array([[5.0, 1.0, 0.0], [5.0, 2.0, 0.0], [1.0, 2.5, 0.0]])
    for schema in ("standard", "aggregate"):
        accumulator = UncertaintyAccumulator(
            {"a": 1, "b": 2}, channels="evidence", schema=FeatureSchema(schema)
        )
        accumulator.update(evidence)
        assert accumulator.fused_mask().tolist() == [0, 2, 0]
    assert accumulated(evidence).features()["s2"]["volume_ml"] == 0.001


def test_evidence_of_flat_elements():
    evidence = np.random.default_rng(0).exponential(3.0, (7, 3))
    flat = UncertaintyAccumulator({"a": 1}, channels="evidence", element_weights=np.ones(7))
    flat.update(evidence)
    grid = UncertaintyAccumulator({"a": 1}, channels="evidence")
    grid.update(evidence.T)
    for name, values in grid.maps().items():
        np.testing.assert_array_equal(flat.maps()[name], values)
