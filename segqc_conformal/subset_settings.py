"""Named subsets of structures in the settings of a gate: what may be one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segqc_conformal.errors import InputError
from segqc_conformal.whole_case import WHOLE_CASE

__all__ = ["check_members", "check_subsets"]


def check_subsets(subsets: Mapping[str, Sequence[str]]) -> None:
    """Refuse subsets that are none: fewer than two structures, or one twice.

    Raises
    ------
    InputError
    """
    for name, members in subsets.items():
        if not name or isinstance(members, str) or not 2 <= len(set(members)) == len(members):
            raise InputError(
                "subsets as {name: [two or more different structures]}",
                {name: members},
                "a single structure has verdicts of its own",
            )


def check_members(subsets: Mapping[str, Sequence[str]], structures: tuple[str, ...]) -> None:
    """Refuse subsets of structures that are not there, or named like something else.

    Raises
    ------
    InputError
    """
    for name, members in subsets.items():
        if name in (*structures, WHOLE_CASE):
            raise InputError(
                "a name for the subset that means nothing else",
                f"{name}, which is {'all structures' if name == WHOLE_CASE else 'a structure'}",
                "call the subset otherwise",
            )
        unknown = sorted(set(members) - set(structures))
        if unknown:
            raise InputError(
                f"subset {name} of the structures {list(structures)}", unknown, "correct the names"
            )
