import feature_list

from segqc_conformal.measures.schema import FeatureSchema


def test_the_page_lists_every_feature_as_the_code_has_it():
    assert feature_list.PAGE.read_text(encoding="utf-8") == feature_list.page()
    listed = {line.split("`")[1] for line in feature_list.page().splitlines() if "| `" in line}
    assert set(FeatureSchema("full").names) <= listed
