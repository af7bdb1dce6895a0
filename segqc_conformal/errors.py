"""The error tree: every message says what was expected, what was received and the remedy.

::

    SegqcError
    ├── InputError              a value, table, image or file that cannot be used
    │   ├── GeometryError       shape, spacing or affine of image, mask and reference disagree
    │   ├── IdentityError       tables or gates of different model, sampler, schema or judged mask
    │   └── FileFormatError     a file that is corrupt, truncated or of an unknown kind
    ├── SamplingError           a sampler that cannot work with this model
    ├── CalibrationError        calibration data that cannot carry the promise asked for
    ├── BusyError               another run that is going on
    └── TamperedError           a calibration folder whose bytes are not those that were saved
"""

from __future__ import annotations

__all__ = [
    "BusyError",
    "CalibrationError",
    "FileFormatError",
    "GeometryError",
    "IdentityError",
    "InputError",
    "SamplingError",
    "SegqcError",
    "TamperedError",
    "on_one_line",
    "why_failed",
]


class SegqcError(Exception):
    """Root of all errors raised on purpose by this package.

    Parameters
    ----------
    expected : str
        What would have been right.
    received : object
        What came instead; shown as given.
    remedy : str
        What the caller can do about it.
    case_id : str, optional
        The case concerned; named first in the message.

    Examples
    --------
    >>> print(InputError("Dice in [0, 1]", 1.2, "divide percentages by 100", case_id="c17"))
    case c17: expected Dice in [0, 1]; received 1.2; remedy: divide percentages by 100
    """

    def __init__(
        self, expected: str, received: object, remedy: str, case_id: str | None = None
    ) -> None:
        where = f"case {case_id}: " if case_id is not None else ""
        super().__init__(f"{where}expected {expected}; received {received}; remedy: {remedy}")
        self.expected = expected
        self.received = received
        self.remedy = remedy
        self.case_id = case_id


class InputError(SegqcError):
    """A value, table, image or file that cannot be used."""


class GeometryError(InputError):
    """Shape, spacing or affine of image, mask and reference mask disagree."""


class IdentityError(InputError):
    """Tables or gates of different model, sampler, schema version or judged mask."""


class FileFormatError(InputError):
    """A file that is corrupt, truncated or of an unknown kind."""


class SamplingError(SegqcError):
    """A sampler that cannot work with this model."""


class CalibrationError(SegqcError):
    """Calibration data that cannot carry the promise asked for."""


class BusyError(SegqcError):
    """Another run works on the same log."""


class TamperedError(SegqcError):
    """A calibration folder whose bytes are not those that were saved."""


def on_one_line(error: BaseException) -> str:
    r"""Return kind and words of a foreign exception, as `received` quotes them.

    Examples
    --------
    >>> on_one_line(ValueError("not\n a number"))
    'ValueError: not a number'
    """
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def why_failed(case_id: str, error: Exception) -> str:
    """Return what the row of a failed case says: our own errors name the case themselves.

    Examples
    --------
    >>> why_failed("c17", MemoryError("no memory"))
    'case c17: MemoryError: no memory'
    """
    return str(error) if isinstance(error, SegqcError) else f"case {case_id}: {on_one_line(error)}"
