import inspect

import segqc_conformal.calibrators as calibrators


def test_every_public_name_is_there_and_none_is_hidden_by_a_module_of_its_name() -> None:
    found = [getattr(calibrators, name) for name in calibrators.__all__]
    assert not any(inspect.ismodule(each) for each in found)
    assert {"ConformalSelection", "JointRiskCertificate", "SelectionCertificate"} <= set(
        calibrators.__all__
    )


def test_what_goes_through_mapie_is_there() -> None:
    assert {
        "ConditionalInterval",
        "CrossConformalInterval",
        "RegressorInterval",
        "VennAbersProbability",
    } <= set(calibrators.__all__)
