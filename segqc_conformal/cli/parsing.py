"""Options that are written as one word on the command line."""

from __future__ import annotations

from collections.abc import Sequence

from segqc_conformal.case import check_structures
from segqc_conformal.errors import InputError

__all__ = ["parse_shard", "parse_spacing", "parse_structures", "parse_subsets"]


def parse_structures(text: str) -> dict[str, int]:
    """Read ``name=label,name=label``.

    Raises
    ------
    InputError
        If it is written otherwise, or names or labels repeat.

    Examples
    --------
    >>> parse_structures("anterior=1, posterior=2")
    {'anterior': 1, 'posterior': 2}
    """
    pairs = [part.partition("=") for part in text.split(",")]
    names = [name.strip() for name, _, _ in pairs]
    labels = [label.strip() for _, _, label in pairs]
    whole = all(names) and all(label.isascii() and label.isdigit() for label in labels)
    if not whole or len(set(names)) < len(names):
        raise InputError(
            "structures as name=label,name=label",
            repr(text),
            "for example: --structures anterior=1,posterior=2",
        )
    return check_structures(dict(zip(names, map(int, labels), strict=True)))


def parse_shard(text: str) -> tuple[int | None, int]:
    """Read ``I/N``, one shard of N, or ``N``, all of them.

    Raises
    ------
    InputError
        If it is written otherwise.

    Examples
    --------
    >>> parse_shard("3/16"), parse_shard("16")
    ((3, 16), (None, 16))
    """
    number, slash, of = text.rpartition("/")
    parts = [number, of] if slash else [of]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise InputError(
            "a shard as I/N, or a number of shards N", repr(text), "for example: --shard 3/16"
        )
    return (int(number) if slash else None), int(of)


def parse_spacing(text: str) -> tuple[float, ...]:
    """Read a voxel size, ``x,y,z`` in mm.

    Raises
    ------
    InputError
        If it is written otherwise, or a number is not positive.

    Examples
    --------
    >>> parse_spacing("1,1,2.5")
    (1.0, 1.0, 2.5)
    """
    try:
        spacing = tuple(float(part) for part in text.split(","))
    except ValueError:
        spacing = ()
    if not spacing or not all(0 < step < float("inf") for step in spacing):
        raise InputError(
            "a voxel size in mm as x,y,z", repr(text), "for example: --spacing 1,1,2.5"
        )
    return spacing


def parse_subsets(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Read named subsets of structures, each as ``name=structure,structure``.

    Raises
    ------
    InputError
        If one is written otherwise, or a name repeats.

    Examples
    --------
    >>> parse_subsets(["tumour=core, edema"])
    {'tumour': ('core', 'edema')}
    """
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, _, members = text.partition("=")
        names = tuple(member.strip() for member in members.split(","))
        if not name.strip() or not all(names) or name.strip() in found:
            raise InputError(
                "a subset as name=structure,structure, each name once",
                repr(text),
                "for example: --subset tumour=core,edema",
            )
        found[name.strip()] = names
    return found
