"""What a row's test says of its system; the page of the literature is made of these."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LiteratureRow"]


@dataclass(frozen=True)
class LiteratureRow:
    """One published system; every test file of a row has one, named `ROW`.

    The number of the row is in the file's name. `names` are what to import, written below
    ``segqc_conformal``, such as "uncertainty.accumulator.UncertaintyAccumulator".
    """

    system: str
    paper: str
    signal: str  # what is computed, in a sentence
    names: tuple[str, ...]
    asserted: str  # the property that the test holds it to, in a sentence
    reconstruction: str = ""  # what the sources at hand do not fix, and how it is read here
    out_of_scope: str = ""  # what of the paper is not here, and why
