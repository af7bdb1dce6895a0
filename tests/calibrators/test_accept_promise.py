import pytest

from segqc_conformal.calibrators.accept import AcceptCertificate


@pytest.mark.parametrize(("family", "words"), [(2, "of 1 other group)"), (3, "of 2 other groups)")])
def test_a_promise_says_how_many_groups_it_holds_together_with(family: int, words: str) -> None:
    certificate = AcceptCertificate(0.8, 0.1, 0.9, 60, (), (), 0.5, family_size=family)
    assert words in certificate.promise
