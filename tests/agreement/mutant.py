"""What a mutant is: one text of one file replaced, on purpose, by one that breaks a rule."""

from typing import NamedTuple

__all__ = ["Mutant"]


class Mutant(NamedTuple):
    """Replace `old` by `new` in one file of the package (`also`: and there)."""

    name: str
    rule: str
    file: str
    old: str
    new: str
    also: tuple[tuple[str, str], ...] = ()
