import re
from xml.etree import ElementTree

import numpy as np

from segqc_conformal.reports.strip import strip


def places(svg, tag, name):
    return [float(each.get(name)) for each in ElementTree.fromstring(svg).iter(tag)]


def test_the_mark_lies_where_the_value_lies():
    svg = strip([0.0, 5.0, 10.0], 2.5, "x & y")
    assert places(svg, "line", "x1") == [8.0, 150.0, 292.0]
    assert places(svg, "circle", "cx") == [79.0]
    assert 'aria-label="x &amp; y"' in svg


def test_a_value_outside_is_drawn_inside_the_picture():
    svg = strip([0.0, 1.0], 9.0, "far")
    assert places(svg, "circle", "cx") == [292.0]
    assert places(svg, "line", "x1")[-1] < 50


def test_many_values_are_drawn_by_their_quantiles_and_odd_ones_not_at_all():
    many = np.random.default_rng(0).normal(size=5_000)
    assert len(places(strip(many, 0.0, ""), "line", "x1")) == 60
    svg = strip([1.0, np.nan, np.inf], -np.inf, "")
    assert places(svg, "line", "x1") == [150.0]
    assert not places(svg, "circle", "cx")
    assert not re.findall("nan|inf", strip([], np.nan, ""))
