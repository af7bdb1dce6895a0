import json
import math

import pytest

from segqc_conformal.canonical_json import canonical_json, sha256_hex


def test_the_order_of_keys_does_not_matter() -> None:
    assert canonical_json({"a": 1, "b": {"d": 2, "c": 3}}) == canonical_json(
        {"b": {"c": 3, "d": 2}, "a": 1}
    )


@pytest.mark.parametrize("number", [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 2**63])
def test_numbers_come_back_bit_for_bit(number: float) -> None:
    found = json.loads(canonical_json([number]))[0]
    assert found == number
    assert math.copysign(1, found) == math.copysign(1, number)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_hold_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": [number]})


def test_text_beyond_ascii_stays_and_the_hash_is_sha256() -> None:
    assert canonical_json("ü") == '"ü"\n'
    assert sha256_hex(b"abc").startswith("ba7816bf8f01cfea")
