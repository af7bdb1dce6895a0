"""Why a case was referred, in words for a person."""

from __future__ import annotations

__all__ = ["reason_in_words"]

WORDS = {
    "below_threshold": "below the certified threshold",
    "cannot_certify": "nothing can be certified",
    "promise_suspended": "the promise is suspended",
    "empty_prediction": "predicted structure is empty",
    "unknown_group": "structure or site was not calibrated",
    "input_error": "could not be judged",
}


def reason_in_words(reason: str) -> str:
    """Return a verdict's reason as a person reads it; an unknown one as it is.

    Examples
    --------
    >>> reason_in_words("below_threshold")
    'below the certified threshold'
    """
    return WORDS.get(reason, reason)
