"""Settings of an accept threshold that go together; without a theorem: refused by name."""

from __future__ import annotations

from segqc_conformal.calibrators.labelled_scores import LabelledScores
from segqc_conformal.errors import InputError

__all__ = ["check_combination", "check_weights"]

PROCEDURES = ("fixed sequence", "holm")
TESTS = ("binomial", "betting")
CASES = ("first", "mean", "any")
FAMILIES = ("each", "all")


def check_combination(procedure: str, starts: int, test: str, cases: str, family: str) -> None:
    """Refuse unknown settings, starts of Holm's test and binomial tests of dependent cases.

    Raises
    ------
    InputError
    """
    chosen = (
        ("procedure", procedure, PROCEDURES),
        ("test", test, TESTS),
        ("cases", cases, CASES),
        ("family", family, FAMILIES),
    )
    for name, value, allowed in chosen:
        if value not in allowed:
            raise InputError(f"{name} one of {allowed}", value, "choose one")
    if starts < 1 or (starts > 1 and procedure == "holm"):
        raise InputError(
            "1 or more starts, of a fixed sequence",
            f"starts={starts} with {procedure}",
            "Holm tests every threshold and has no starts",
        )
    if cases == "mean" and test == "binomial":
        raise InputError(
            'test="betting" with cases="mean"',
            test,
            "several cases of a patient are not independent: no binomial test holds for them",
        )


def check_weights(
    sample: LabelledScores,
    weights_are: str | None,
    test: str,
    cases: str,
    largest_weight: float | None,
) -> None:
    """Refuse estimated weights, weights that a test cannot use, and weights without a bound.

    Raises
    ------
    InputError
    """
    if sample.weights is None:
        if weights_are is not None:
            raise InputError("weights with weights_are", weights_are, "pass both or neither")
        return
    if weights_are != "known":
        raise InputError(
            'weights_are="known" for an accept threshold with confidence',
            weights_are,
            "estimated weights carry no confidence; JointRiskThreshold and ConformalSelection "
            "take them, with approximate promises",
        )
    if test == "binomial" or cases == "any":
        raise InputError(
            'test="betting" and cases "first" or "mean" with weights',
            f"test={test!r}, cases={cases!r}",
            "weighted patients have no binomial count, and weights of cases are none of patients",
        )
    largest = float(sample.weights.max(initial=0.0))
    if largest_weight is None or not 0.0 < largest_weight or largest > largest_weight:
        raise InputError(
            f"largest_weight, a bound of all weights (the largest here is {largest:g})",
            largest_weight,
            "give the bound over the whole population, not over these patients",
        )
